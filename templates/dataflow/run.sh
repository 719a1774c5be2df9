#!/usr/bin/env bash
# Starts the job from the template, or updates the one that runs under that name. Does not wait for it.
#   PROJECT=my-project REGION=europe-west1 TAG=1.2.3 templates/dataflow/run.sh \
#     kafka_bootstrap_servers=10.0.0.5:9092 kafka_topics=payments bigquery_dataset=my-project.payments
# UPDATE=1 updates: state, offsets and remembered ids go on. MAPPING='Old step=New step' for a renamed step.
# SUBNETWORK names the network in which Kafka answers; workers get no public addresses.
set -euo pipefail
cd "$(dirname "$0")/../.."
source templates/dataflow/names.sh

parameters=("$@")
[ ${#parameters[@]} -gt 0 ] || read -r -a parameters <<< "${PARAMETERS:-}"
[ ${#parameters[@]} -gt 0 ] || die "parameters are required, got none" "name=value …, of which metadata.json lists the names"
# ^;^ makes gcloud split at semicolons: lists of brokers hold commas.
options=(--parameters="^;^$(IFS=';'; echo "${parameters[*]}")")
[ "${UPDATE:-0}" = 1 ] && options+=(--update)
[ -n "${MAPPING:-}" ] && options+=(--transform-name-mappings="$MAPPING")
[ -n "${SUBNETWORK:-}" ] && options+=(--subnetwork="$SUBNETWORK")

gcloud dataflow flex-template run "${JOB:-payments}" --project="$PROJECT" --region="$REGION" \
  --template-file-gcs-location="$TEMPLATE" --service-account-email="$WORKER" \
  --staging-location="$BUCKET/staging" --temp-location="$BUCKET/temp" \
  --enable-streaming-engine --disable-public-ips \
  --num-workers="${WORKERS:-1}" --max-workers="${WORKERS_MAX:-4}" --worker-machine-type="${MACHINE:-n2-standard-2}" \
  "${options[@]}"
