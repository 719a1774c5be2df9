#!/usr/bin/env bash
# What the workers' image runs, by role: entrypoint.sh ROLE [further flags]
#   python-workers   starts a Python worker whenever its TaskManager asks for one       port 50000
#   java-workers     the expansion service, which is also the pool of Java workers      port 8097
#   job-server       takes pipelines and submits them to FLINK_MASTER                   port 8099
#   watchdog         ends the TaskManager of its pod when its tasks wait for a worker that is gone
#   submit                     launches the job
#   health exporter reconcile tables dead-letters rollout runs job contract config      sub-commands of `payments`
# Where things are comes from the environment: PAYMENTS_KAFKA_BOOTSTRAP_SERVERS PAYMENTS_KAFKA_TOPICS PAYMENTS_BIGQUERY_DATASET PAYMENTS_FLINK
# PAYMENTS_PARALLELISM and all others of payments/settings.py, which the commands read themselves; and PROJECT.
# The sandbox starts its Java services with it too, on ports, class path and options of its own (JAVA_OPTIONS_FILE, a Java @argfile).
set -euo pipefail

die() { printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2; exit 2; }
need() { local name; for name in "$@"; do [ -n "${!name:-}" ] || die "$name is required, got nothing" "the ConfigMap payments-settings sets it"; done; }
run_java() {
  local options=(-XX:MaxRAMPercentage=70)
  [ -z "${JAVA_OPTIONS_FILE:-}" ] || options=("@$JAVA_OPTIONS_FILE")
  exec "${JAVA_HOME:?}/bin/java" -XX:+ExitOnOutOfMemoryError "${options[@]}" \
    -cp "${JAVA_CLASS_PATH:?}" "$@"
}

[ $# -gt 0 ] || die "a role is required, got nothing" "$(sed -n 's/^#   \([a-z-]*\) .*/\1/p' "$0" | tr '\n' ' ')"
readonly role=$1
shift
case $role in
  python-workers)
    exec "${PYTHON:-python}" -m templates.flink.worker_pool --port "${PYTHON_WORKERS_PORT:-50000}" --scratch "${SCRATCH:-/tmp}" "$@" ;;
  java-workers)
    need PROJECT
    readonly host=${HOST:-localhost} port=${JAVA_WORKERS_PORT:-8097}
    # The legacy read is a native Flink source: docs/decisions/0004. Workers are reached in the pod itself, wherever it is.
    run_java org.apache.beam.sdk.expansion.service.ExpansionService "$port" \
      --experiments=use_deprecated_read --alsoStartLoopbackWorker \
      --defaultEnvironmentType=EXTERNAL --defaultEnvironmentConfig="$host:$port" --project="$PROJECT" "$@" ;;
  job-server)
    need FLINK_MASTER
    run_java org.apache.beam.runners.flink.FlinkJobServerDriver --flink-master="$FLINK_MASTER" \
      --flink-conf-dir="${FLINK_CONF_DIR:-/opt/payments/flink}" --job-host="${HOST:-localhost}" \
      --job-port="${JOB_SERVER_PORT:-8099}" --artifact-port="${ARTIFACT_PORT:-8098}" --expansion-port=0 \
      --artifacts-dir="${ARTIFACTS_DIR:-/tmp/artifacts}" "$@" ;;
  watchdog)
    need POD_IP
    exec python -m templates.flink.watchdog --flink="${PAYMENTS_FLINK:-payments-rest:8081}" --pod_ip="$POD_IP" "$@" ;;
  submit)
    need PAYMENTS_KAFKA_BOOTSTRAP_SERVERS PAYMENTS_KAFKA_TOPICS PAYMENTS_BIGQUERY_DATASET
    export PAYMENTS_PARALLELISM=${PAYMENTS_PARALLELISM:-2} PAYMENTS_FLINK=${PAYMENTS_FLINK:-payments-rest:8081}
    exec python -m pipeline --runner=FlinkRunner --no_wait_until_finish \
      --job_endpoint=localhost:8099 --expansion_service=localhost:8097 \
      --environment_type=EXTERNAL --environment_config=localhost:50000 ${RUN_ID:+"--run_id=$RUN_ID"} "$@" ;;
  health | exporter | reconcile | tables | dead-letters | rollout | runs | job | contract | config)
    exec python -m payments "$role" "$@" ;;
  *)
    die "no such role: $role" "$(sed -n 's/^#   \([a-z-]*\) .*/\1/p' "$0" | tr '\n' ' ')" ;;
esac
