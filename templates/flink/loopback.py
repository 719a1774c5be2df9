"""The address that servers of a pod, and of the sandbox, listen on: nobody outside reaches it."""

HOST = "127.0.0.1"
