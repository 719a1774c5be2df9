#!/usr/bin/env bash
# Builds the image with Cloud Build and writes the Flex Template's description beside it.
#   PROJECT=my-project REGION=europe-west1 TAG=1.2.3 templates/dataflow/build.sh
# Needs gcloud, and what terraform/ makes. Prints where the template is.
set -euo pipefail
cd "$(dirname "$0")/../.."
source templates/dataflow/names.sh

gcloud builds submit --project="$PROJECT" --region="$REGION" \
  --config=templates/dataflow/cloudbuild.yaml --substitutions="_IMAGE=$IMAGE" .
gcloud dataflow flex-template build "$TEMPLATE" --project="$PROJECT" \
  --image="$IMAGE" --sdk-language=PYTHON --metadata-file=templates/dataflow/metadata.json \
  --service-account-email="$WORKER" --staging-location="$BUCKET/staging" --temp-location="$BUCKET/temp"
printf '%s\n' "$TEMPLATE"
