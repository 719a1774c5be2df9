variable "project" {
  description = "Project that the job runs in and pays for."
  type        = string
}

variable "region" {
  description = "Region of the job, its bucket and its images. Payments stay in it."
  type        = string
  default     = "europe-west1"
}

variable "dataset" {
  description = "BigQuery dataset of the tables; its location is the region's."
  type        = string
  default     = "payments"
}

variable "kms_key" {
  description = "Cloud KMS key of bucket, images and tables: projects/…/locations/…/keyRings/…/cryptoKeys/…; null for Google's own keys."
  type        = string
  default     = null
}

variable "launchers" {
  description = "Who may launch and update jobs: members such as group:payments-oncall@example.com."
  type        = list(string)
  default     = []
}

variable "analysts" {
  description = "Who may read the tables and views: members such as group:auditors@example.com."
  type        = list(string)
  default     = []
}

variable "notification_channels" {
  description = "Monitoring channels that alerts go to, by their full names."
  type        = list(string)
  default     = []
}

variable "job_name" {
  description = "Name of the Dataflow job that the alerts watch."
  type        = string
  default     = "payments"
}
