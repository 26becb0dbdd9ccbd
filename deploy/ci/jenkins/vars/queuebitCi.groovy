/**
 * Plan, price and test the quantum circuits of a change.
 *
 * queuebitCi(credentialsId: 'queuebit', since: 'origin/main', policy: 'queuebit-ci.toml', output: 'queuebit-report')
 *
 * smoke: true checks the ideal simulators first, with qb smoke; it needs a credential.
 * credentialsId names a credential of the kind "secret file"; without it, circuits are planned and simulated on the agent.
 * The agent needs qb, and a clone with the whole history.
 */
def call(Map options = [:]) {
    String output = options.output ?: 'queuebit-report'
    List<String> settings = [
        "QB_SINCE=${options.since ?: 'origin/' + (env.CHANGE_TARGET ?: 'main')}",
        "QB_POLICY=${options.policy ?: ''}",
        "QB_OUTPUT=${output}",
        "QB_SMOKE=${options.smoke ?: false}",
    ]
    try {
        withEnv(settings) {
            if (options.credentialsId) {
                withCredentials([file(credentialsId: options.credentialsId, variable: 'QUEUEBIT_CREDENTIAL')]) {
                    check()
                }
            } else {
                check()
            }
        }
    } finally {
        junit testResults: "${output}/*.xml", allowEmptyResults: true
        archiveArtifacts artifacts: "${output}/**", allowEmptyArchive: true
    }
}

private void check() {
    sh '''
        set -- --output "$QB_OUTPUT" --since "$QB_SINCE"
        if [ -n "$QB_POLICY" ]; then set -- "$@" --policy "$QB_POLICY"; fi
        if [ -n "${QUEUEBIT_CREDENTIAL:-}" ]; then chmod 600 "$QUEUEBIT_CREDENTIAL"; else set -- "$@" --offline; fi
        smoke=0
        if [ "${QB_SMOKE:-}" = true ] && [ -n "${QUEUEBIT_CREDENTIAL:-}" ]; then mkdir -p "$QB_OUTPUT"; qb smoke --junit "$QB_OUTPUT/smoke.xml" || smoke=$?; fi
        qb ci "$@"
        exit "$smoke"
    '''
}
