# Names that build.sh and run.sh share; terraform/ makes what they name. Sourced, not run.
die() { printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2; exit 2; }

[ -n "${PROJECT:-}" ] || die "PROJECT is required, got nothing" "the Google Cloud project that pays"
[ -n "${TAG:-}" ] || die "TAG is required, got nothing" "a version, such as $(git describe --always 2>/dev/null || echo 1.0.0); tags cannot be moved"
command -v gcloud >/dev/null || die "gcloud is required, and not on PATH" "install the Google Cloud CLI"
readonly REGION=${REGION:-europe-west1}
readonly BUCKET=gs://$PROJECT-payments-staging
readonly IMAGE=$REGION-docker.pkg.dev/$PROJECT/payments/pipeline:$TAG
readonly TEMPLATE=$BUCKET/templates/payments-$TAG.json
readonly WORKER=payments-worker@$PROJECT.iam.gserviceaccount.com
