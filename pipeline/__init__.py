"""An exactly-once payments pipeline: Kafka → deduplication → BigQuery, on any of three runners."""

import logging
import warnings

__version__ = "0.1.0"

# Two announcements at every start that the person at the terminal can do nothing about: Google's
# libraries on what they will stop supporting one day, and Beam on a package for TFRecord files.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
logging.getLogger().addFilter(lambda record: "crcmod" not in str(record.msg))
