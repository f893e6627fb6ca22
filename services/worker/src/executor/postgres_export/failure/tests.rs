use super::*;

const CLUSTER: &str = "projects/p/locations/l/clusters/c";

#[test]
fn each_sqlstate_has_a_code_and_says_whether_a_retry_helps() {
    for (sqlstate, code, retryable) in [
        ("3D000", Code::NotFound, false),
        ("28P01", Code::FailedPrecondition, false),
        ("28000", Code::FailedPrecondition, false),
        ("42501", Code::PermissionDenied, false),
        ("42601", Code::InvalidArgument, false),
        ("42P01", Code::InvalidArgument, false),
        ("42703", Code::InvalidArgument, false),
        ("22012", Code::InvalidArgument, false),
        ("0A000", Code::InvalidArgument, false),
        ("25006", Code::InvalidArgument, false),
        ("25001", Code::InvalidArgument, false),
        ("53100", Code::ResourceExhausted, true),
        ("53200", Code::ResourceExhausted, true),
        ("53300", Code::ResourceExhausted, true),
        ("53400", Code::ResourceExhausted, false),
        ("57P01", Code::Unavailable, true),
        ("57P02", Code::Unavailable, true),
        ("57P03", Code::Unavailable, true),
        ("57P04", Code::NotFound, false),
        ("57014", Code::Aborted, false),
        ("55P03", Code::Unavailable, true),
        ("40001", Code::Aborted, true),
        ("40P01", Code::Aborted, true),
        ("08006", Code::Unavailable, true),
        ("58030", Code::Internal, true),
        ("XX000", Code::Internal, false),
        ("XX001", Code::DataLoss, false),
        ("P0001", Code::FailedPrecondition, false),
        ("HV000", Code::FailedPrecondition, false),
        ("", Code::Internal, false),
        ("ü", Code::Internal, false),
    ] {
        let failure = of_sqlstate(CLUSTER, sqlstate, "said the server", None);
        assert_eq!((failure.code, failure.retryable), (code, retryable), "{sqlstate}");
    }
}

#[test]
fn a_syntax_error_says_where() {
    let failure = of_sqlstate(CLUSTER, "42601", "syntax error at or near \"FRM\"", Some(10));
    assert_eq!(failure.message, "syntax error at or near \"FRM\" (at character 10 of the query)");
}

#[test]
fn a_refused_login_names_no_role() {
    let said = "password authentication failed for user \"exporter\"";
    let failure = of_sqlstate(CLUSTER, "28P01", said, None);
    assert!(!failure.message.contains("exporter") && failure.message.contains(CLUSTER), "{failure}");
}

#[test]
fn a_message_without_end_is_cut() {
    assert_eq!(of_sqlstate(CLUSTER, "42601", &"ü".repeat(5000), None).message.len(), LONGEST);
}

#[test]
fn what_pg_dump_says_is_understood() {
    for (stderr, code, retryable, contains) in [
        (
            "pg_dump: error: server version: 16.1; pg_dump version: 15.5\npg_dump: error: aborting because of server version mismatch\n",
            Code::FailedPrecondition,
            false,
            "16.1; pg_dump version: 15.5",
        ),
        (
            "pg_dump: error: query failed: ERROR:  permission denied for table secrets\npg_dump: detail: Query was: LOCK TABLE public.secrets IN ACCESS SHARE MODE\n",
            Code::PermissionDenied,
            false,
            "permission denied for table secrets",
        ),
        (
            "pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout\n",
            Code::Unavailable,
            true,
            "locked",
        ),
        (
            "pg_dump: error: connection to server at \"10.1.2.3\", port 5432 failed: FATAL:  role \"exporter\" does not exist\n",
            Code::Unavailable,
            true,
            CLUSTER,
        ),
        (
            "pg_dump: error: Dumping the contents of table \"t\" failed: PQgetCopyData() failed.\npg_dump: detail: Error message from server: server closed the connection unexpectedly\n",
            Code::Unavailable,
            true,
            "broke",
        ),
        ("pg_dump: error: no matching tables were found for pattern \"x\"\n", Code::NotFound, false, "table"),
        ("pg_dump: error: something new\n", Code::Internal, false, CLUSTER),
    ] {
        let failure = of_pg_dump(CLUSTER, stderr, false);
        assert_eq!((failure.code, failure.retryable), (code, retryable), "{stderr}");
        assert!(failure.message.contains(contains), "{failure}");
        assert!(!failure.message.contains("10.1.2.3") && !failure.message.contains("exporter"), "{failure}");
    }
    assert!(of_pg_dump(CLUSTER, "", true).retryable);
}
