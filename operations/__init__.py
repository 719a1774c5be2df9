"""What people run beside the job; one folder a command, named as the command.

    tables        makes and compares what BigQuery holds
    runs          who has claimed the tables
    reconcile     proves that each record of a topic is counted once
    dead_letters  looks at rejected records, and sends them again
    contract      makes and checks the contract of your own payments
    health        says whether a job is well
    rollout       changes a version beside the running one

`payments COMMAND --help` teaches each. No command here imports a step, or Beam.
"""

import logging
import warnings

# Two announcements at every start that the person at the terminal can do nothing about: Google's
# libraries on what they will stop supporting one day, and Beam on a package for TFRecord files.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
logging.getLogger().addFilter(lambda record: "crcmod" not in str(record.msg))
