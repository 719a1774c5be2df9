output "image" {
  description = "What build.sh builds; add a tag."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/pipeline"
}

output "bucket" {
  description = "Staging, temporary files and the template's description."
  value       = "gs://${google_storage_bucket.staging.name}"
}

output "worker" {
  description = "Service account of launcher and workers."
  value       = google_service_account.worker.email
}

output "dataset" {
  description = "Value of --bigquery_dataset."
  value       = "${var.project}.${google_bigquery_dataset.payments.dataset_id}"
}
