# What wakes somebody up. Names of counters are those of transforms/payment/metric_names.py.

locals {
  job      = "job_name=\"${var.job_name}\""
  read     = "sum(rate(dataflow_googleapis_com:job_user_counter{metric_name=\"records_read\",${local.job}}[10m]))"
  repeated = "sum(rate(dataflow_googleapis_com:job_user_counter{metric_name=\"transactions_duplicate\",${local.job}}[10m]))"
  invalid  = "sum(rate(dataflow_googleapis_com:job_user_counter{metric_name=\"records_invalid\",${local.job}}[10m]))"

  alerts = {
    "the job has failed" = {
      query    = "max(dataflow_googleapis_com:job_is_failed{${local.job}}) > 0"
      duration = "0s"
      text     = "Nobody is counting. State and offsets are kept: docs/launch.md, 'When a job has failed'."
    }
    "records wait for over a minute" = {
      query    = "max(dataflow_googleapis_com:job_system_lag{${local.job}}) > 60"
      duration = "120s"
      text     = "Counts stay exact, but late. Look at the job's stages, then at Kafka's lag."
    }
    "what is queryable is over a minute old" = {
      query    = "max(dataflow_googleapis_com:job_data_watermark_age{${local.job}}) > 60"
      duration = "300s"
      text     = "The watermark follows arrival: it stands when a partition does, or when BigQuery refuses."
    }
    "over 2 % of the records are duplicates" = {
      query    = "${local.repeated} / ${local.read} > 0.02"
      duration = "600s"
      text     = "They are set aside, so counts are right. A producer retries too much: ask who."
    }
    "BigQuery refuses rows" = {
      query    = "sum(increase(dataflow_googleapis_com:job_user_counter{metric_name=\"records_refused\",${local.job}}[10m])) > 0"
      duration = "0s"
      text     = "The rows are dead letters with reason refused_by_bigquery, and their ids stay remembered. Was a table changed?"
    }
    "over 1 % of the records are invalid" = {
      query    = "${local.invalid} / ${local.read} > 0.01"
      duration = "300s"
      text     = "See audit.dead_letters_by_reason. Above --dead_letter_ratio_max the job stops by itself."
    }
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.alerts
  display_name          = "payments: ${each.key}"
  combiner              = "OR"
  notification_channels = var.notification_channels

  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = "60s"
    }
  }
  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }
  depends_on = [google_project_service.needed]
}
