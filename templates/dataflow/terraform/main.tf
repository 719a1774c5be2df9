# What a job needs before its first start. Topics and brokers are somebody else's.

locals {
  # Written by `payments tables generate`, like the schemas beside it.
  sql    = "${path.module}/../../../sql"
  tables = jsondecode(file("${local.sql}/tables.json"))
}

resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerystorage.googleapis.com",
    "cloudbuild.googleapis.com",
    "compute.googleapis.com",
    "dataflow.googleapis.com",
    "monitoring.googleapis.com",
  ])
  service            = each.key
  disable_on_destroy = false
}

# --- Tables ---------------------------------------------------------------------------------------

resource "google_bigquery_dataset" "payments" {
  dataset_id  = var.dataset
  location    = var.region
  description = "Payments, each counted exactly once, and the evidence for it."

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }
  depends_on = [google_project_service.needed]
}

resource "google_bigquery_table" "table" {
  for_each            = local.tables
  dataset_id          = google_bigquery_dataset.payments.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = file("${local.sql}/${each.key}/schema.json")
  clustering          = each.value.cluster_by
  deletion_protection = true

  dynamic "encryption_configuration" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = encryption_configuration.value
    }
  }
  time_partitioning {
    type  = "DAY"
    field = each.value.partition_by
  }
}

# Views, and whatever else `payments tables create` compares, are made by that command.

# --- Staging and images -----------------------------------------------------------------------------

resource "google_storage_bucket" "staging" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs say who read what; no payment is ever in this bucket
  name                        = "${var.project}-payments-staging"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
  # Jars and job descriptions of launches long past. A running job has what it needs.
  lifecycle_rule {
    condition {
      age = 90
    }
    action {
      type = "Delete"
    }
  }
  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "payments"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = var.kms_key

  docker_config {
    immutable_tags = true # a job that is updated must find the image that it was started with
  }
  depends_on = [google_project_service.needed]
}

# --- Who may do what --------------------------------------------------------------------------------

resource "google_service_account" "worker" {
  account_id   = "payments-worker"
  display_name = "Runs the payments job: launcher and workers"
}

resource "google_project_iam_member" "worker" {
  for_each = toset([
    "roles/dataflow.worker",
    "roles/bigquery.jobUser", # the launcher asks what the tables hold before a job starts
    "roles/monitoring.metricWriter",
  ])
  project = var.project
  role    = each.key
  member  = google_service_account.worker.member
}

resource "google_bigquery_dataset_iam_member" "worker" {
  dataset_id = google_bigquery_dataset.payments.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "worker" {
  bucket = google_storage_bucket.staging.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.worker.member
}

resource "google_artifact_registry_repository_iam_member" "worker" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.worker.member
}

resource "google_project_iam_member" "launcher" {
  #checkov:skip=CKV_GCP_49:Dataflow has no narrower role to launch with; it acts as one account only, see below
  for_each = toset(var.launchers)
  project  = var.project
  role     = "roles/dataflow.developer"
  member   = each.key
}

resource "google_service_account_iam_member" "launcher" {
  for_each           = toset(var.launchers)
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.key
}

resource "google_bigquery_dataset_iam_member" "analyst" {
  for_each   = toset(var.analysts)
  dataset_id = google_bigquery_dataset.payments.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}
