"""The live page: what a job, its topics and its tables do now, in a browser on this machine.

    flags, command      `payments live`
    places              where to ask, and whether actions are allowed
    app, pages          the routes, and the HTML that they answer
    security            who may ask, and what a browser may do with the answer
    board               what is shown; whoever finds something out writes it there
    watch, books        the looks at Kafka, the tables and the job
    cards, send         a record that was sent from here, and what became of it
    faults, proof       a TaskManager killed, and the tables compared with the topic
    look_up             one payment, or one record

Nothing imports this package; its actions work on a sandbox alone (docs/decisions/0035).
"""
