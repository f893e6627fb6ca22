//! Each source and sink, by what is read and shown again; and each rule, by what breaks it.

use super::*;
use crate::kinds::catalog::Catalog;
use crate::wire::error::Violations;
use runtime::config::{Bucket, Config, Folder};
use serde_json::{Value, json};

fn config() -> Config {
    let projects = || vec!["p".parse().unwrap()];
    let bucket = |name: &str, url: &str| Bucket::new(name, url, projects());
    let mut compatible = bucket("compatible", "s3://compatible");
    compatible.endpoint = Some("http://127.0.0.1:9000".to_owned());
    compatible.region = Some("here".to_owned());
    let buckets = vec![
        bucket("exports", "file:///exports/"),
        bucket("sink", "gs://sink"),
        bucket("amazon", "s3://amazon"),
        compatible,
    ];
    let folders = vec![Folder { path: "/data".into(), projects: projects() }];
    let destinations =
        toml::from_str::<Config>("[[destinations]]\nprojects = [\"p\"]\nhost = \"lists.example.com\"\nports = [443]\n");
    Config { buckets, folders, destinations: destinations.unwrap().destinations, ..Config::default() }
}

/// What is read of a specification, or the error.
pub fn judged<T>(body: &Value, read: impl FnOnce(Fields, &mut Judge<'_>) -> T) -> Result<T, String> {
    let (config, project) = (config(), "p".parse().unwrap());
    let (catalog, destinations) = (&Catalog::new(&config).unwrap(), &config.destinations);
    let mut violations = Violations::default();
    let fields = Fields::parse(body.to_string().as_bytes()).unwrap();
    let read = read(fields, &mut Judge { catalog, destinations, project: &project, violations: &mut violations });
    violations.into_result().map(|()| read).map_err(|error| error.to_string())
}

fn shown(body: &Value) -> Result<Value, String> {
    let transfer = judged(body, read)?.expect("a whole one");
    Ok(serde_json::to_value(show(&transfer)).unwrap())
}

fn refused(body: &Value, expected: &str) {
    match shown(body) {
        Err(error) => assert!(error.contains(expected), "{body}: {error}"),
        Ok(shown) => panic!("{body} was taken as {shown}"),
    }
}

/// A transfer with one part changed.
fn with(name: &str, value: Value) -> Value {
    let mut body = json!({"gcsDataSource": {"bucketName": "exports"}, "gcsDataSink": {"bucketName": "sink"}});
    body[name] = value;
    body
}

#[test]
fn what_is_read_is_shown_again() {
    let sink = json!({"bucketName": "sink", "path": "b/"});
    for body in [
        json!({"gcsDataSource": {"bucketName": "exports", "path": "a/"}, "gcsDataSink": sink}),
        json!({"awsS3DataSource": {"bucketName": "amazon"}, "gcsDataSink": sink}),
        json!({
            "awsS3CompatibleDataSource": {
                "bucketName": "compatible", "path": "a/", "endpoint": "http://127.0.0.1:9000", "region": "here",
            },
            "gcsDataSink": sink,
        }),
        json!({"posixDataSource": {"rootDirectory": "/data/a"}, "posixDataSink": {"rootDirectory": "/data/b"}}),
        json!({"httpDataSource": {"listUrl": "https://lists.example.com/list.tsv"}, "gcsDataSink": sink}),
        with(
            "objectConditions",
            json!({
                "minTimeElapsedSinceLastModification": "3600.500s",
                "maxTimeElapsedSinceLastModification": "7200s",
                "includePrefixes": ["a/", "b/"],
                "excludePrefixes": ["a/x"],
                "lastModifiedSince": "2026-01-02T03:04:05.000000006Z",
                "lastModifiedBefore": "2026-01-03T00:00:00Z",
                "matchGlob": "**/*.csv",
            }),
        ),
        with("transferOptions", json!({"overwriteObjectsAlreadyExistingInSink": true, "overwriteWhen": "NEVER"})),
        with("transferOptions", json!({"deleteObjectsUniqueInSink": true})),
        with("transferOptions", json!({"deleteObjectsFromSourceAfterTransfer": true})),
    ] {
        assert_eq!(shown(&body).as_ref(), Ok(&body));
    }
}

#[test]
fn names_may_be_in_snake_case_and_words_numbers() {
    let body = json!({
        "gcs_data_source": {"bucket_name": "exports"},
        "gcs_data_sink": {"bucket_name": "sink"},
        "object_conditions": {"include_prefixes": ["a"], "last_modified_since": "2026-01-02T03:04:05+01:00"},
        "transfer_options": {"overwrite_when": 3, "delete_objects_unique_in_sink": false},
    });
    let mut expected = with("transferOptions", json!({"overwriteWhen": "ALWAYS"}));
    expected["objectConditions"] = json!({"includePrefixes": ["a"], "lastModifiedSince": "2026-01-02T02:04:05Z"});
    assert_eq!(shown(&body), Ok(expected));
}

/// Google's clients send such forms by themselves.
#[test]
fn what_asks_for_nothing_is_passed_over() {
    let plain = with("objectConditions", json!({}));
    let expected = shown(&plain).unwrap();
    assert_eq!(
        expected,
        with("objectConditions", Value::Null)
            .as_object()
            .map(|body| {
                Value::Object(
                    body.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect(),
                )
            })
            .unwrap()
    );
    for (name, value) in [
        ("azureBlobStorageDataSource", json!({})),
        ("hdfsDataSource", json!({})),
        ("gcsIntermediateDataLocation", json!({})),
        ("transferManifest", json!({})),
        ("sourceAgentPoolName", json!("")),
        ("sinkAgentPoolName", json!("projects/p/agentPools/transfer_service_default")),
        ("transferOptions", json!({"metadataOptions": {}, "overwriteWhen": 0})),
        ("objectConditions", json!({"includeStorageClasses": [], "matchGlob": ""})),
        ("gcsDataSource", json!({"bucketName": "exports", "path": "", "managedFolderTransferEnabled": false})),
    ] {
        assert_eq!(shown(&with(name, value)).as_ref(), Ok(&expected), "{name}");
    }
    let amazon = |more: Value| {
        let mut source = json!({"bucketName": "amazon"});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"awsS3DataSource": source, "gcsDataSink": {"bucketName": "sink"}})
    };
    let empty = json!({"awsAccessKey": {}, "roleArn": "", "credentialsSecret": "", "cloudfrontDomain": "", "managedPrivateNetwork": false});
    assert_eq!(shown(&amazon(empty)), shown(&amazon(json!({}))));
}

#[test]
fn what_the_vendor_has_and_we_have_not_is_named() {
    for (name, value, field) in [
        (
            "gcsDataSource",
            json!({"bucketName": "exports", "managedFolderTransferEnabled": true}),
            "gcsDataSource.managedFolderTransferEnabled",
        ),
        ("gcsIntermediateDataLocation", json!({"bucketName": "x"}), "gcsIntermediateDataLocation"),
        ("transferManifest", json!({"location": "gs://x/y"}), "transferManifest"),
        ("sourceAgentPoolName", json!("projects/p/agentPools/mine"), "sourceAgentPoolName"),
        ("sinkAgentPoolName", json!("mine"), "sinkAgentPoolName"),
        ("objectConditions", json!({"includeStorageClasses": ["STANDARD"]}), "objectConditions.includeStorageClasses"),
        ("transferOptions", json!({"metadataOptions": {"mode": "MODE_PRESERVE"}}), "transferOptions.metadataOptions"),
    ] {
        refused(&with(name, value), &format!("UNIMPLEMENTED: {field}: is not implemented: "));
    }
    let from = |name: &str, source: Value| {
        let mut body = json!({"gcsDataSink": {"bucketName": "sink"}});
        body[name] = source;
        body
    };
    let of = |field: &str| format!("UNIMPLEMENTED: {field}: is not implemented: ");
    for (name, source) in
        [("azureBlobStorageDataSource", json!({"storageAccount": "x"})), ("hdfsDataSource", json!({"path": "/"}))]
    {
        refused(&from(name, source), &of(name));
    }
    for (name, value) in [
        ("awsAccessKey", json!({"accessKeyId": "x", "secretAccessKey": "canary"})),
        ("roleArn", json!("arn")),
        ("credentialsSecret", json!("projects/1/secrets/x")),
        ("cloudfrontDomain", json!("https://x.cloudfront.net")),
        ("managedPrivateNetwork", json!(true)),
        ("privateNetworkService", json!("projects/p/locations/l/namespaces/n/services/s")),
    ] {
        let mut source = json!({"bucketName": "amazon"});
        source[name] = value;
        let body = from("awsS3DataSource", source);
        refused(&body, &of(&format!("awsS3DataSource.{name}")));
        assert!(!shown(&body).unwrap_err().contains("canary"), "secrets are not repeated");
    }
    for (name, word) in [
        ("authMethod", "AUTH_METHOD_AWS_SIGNATURE_V2"),
        ("requestModel", "REQUEST_MODEL_VIRTUAL_HOSTED_STYLE"),
        ("listApi", "LIST_OBJECTS"),
    ] {
        let mut source = json!({"bucketName": "compatible", "endpoint": "127.0.0.1:9000"});
        source["s3Metadata"] = json!({name: word, "protocol": "NETWORK_PROTOCOL_HTTP"});
        let field = format!("awsS3CompatibleDataSource.s3Metadata.{name}");
        refused(&from("awsS3CompatibleDataSource", source), &of(&field));
    }
    refused(&from("httpDataSource", json!({"listUrl": "gs://x/list.tsv"})), &of("httpDataSource.listUrl"));
}

#[test]
fn there_is_one_source_and_one_sink() {
    refused(&json!({"gcsDataSink": {"bucketName": "sink"}}), "gcsDataSource: needs exactly one source");
    refused(&json!({"gcsDataSource": {"bucketName": "exports"}}), "gcsDataSink: needs exactly one sink");
    let folder = json!({"rootDirectory": "/data/a"});
    refused(&with("posixDataSource", folder.clone()), "posixDataSource: excludes gcsDataSource: exactly one source");
    refused(&with("posixDataSink", folder), "posixDataSink: excludes gcsDataSink: exactly one sink");
    refused(
        &with("gcsDataSink", json!({"bucketName": "exports", "path": "a/"})),
        "gcsDataSink: is the source, lies in it",
    );
    let inside = json!({"posixDataSource": {"rootDirectory": "/data"}, "posixDataSink": {"rootDirectory": "/data/b"}});
    refused(&inside, "posixDataSink: is the source, lies in it");
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    for (name, value, expected) in [
        ("gcsDataSource", json!({}), "gcsDataSource.bucketName: is required"),
        ("gcsDataSource", json!({"bucketName": "nobodys"}), "gcsDataSource.bucketName: names the bucket \"nobodys\""),
        (
            "gcsDataSource",
            json!({"bucketName": "exports", "path": "a"}),
            "gcsDataSource.path: must be empty or end with /",
        ),
        ("gcsDataSource", json!({"bucketName": "exports", "prefix": "a"}), "gcsDataSource.prefix: is not a field"),
        ("gcsDataSource", json!("exports"), "gcsDataSource: must be an object"),
        ("gcsDataSink", json!({"bucketName": "sink", "path": "/a/"}), "gcsDataSink.path: must not begin with /"),
        ("objectConditions", json!({"includePrefixes": ["/a"]}), "objectConditions.includePrefixes[0]: must not begin"),
        ("objectConditions", json!({"includePrefixes": "a"}), "objectConditions.includePrefixes: must be a list"),
        (
            "objectConditions",
            json!({"minTimeElapsedSinceLastModification": "1h"}),
            "objectConditions.minTimeElapsedSinceLastModification: must be a duration",
        ),
        (
            "objectConditions",
            json!({"maxTimeElapsedSinceLastModification": "999999999999s"}),
            "objectConditions.maxTimeElapsedSinceLastModification: is longer than",
        ),
        (
            "objectConditions",
            json!({"lastModifiedSince": "today"}),
            "objectConditions.lastModifiedSince: must be an RFC 3339",
        ),
        (
            "objectConditions",
            json!({"lastModifiedBefore": "0000-01-01T00:00:00Z"}),
            "objectConditions.lastModifiedBefore: must be an RFC 3339",
        ),
        ("objectConditions", json!({"matchGlob": "[a"}), "objectConditions.matchGlob: opens a ["),
        ("objectConditions", json!({"maxSize": 1}), "objectConditions.maxSize: is not a field"),
        (
            "transferOptions",
            json!({"deleteObjectsUniqueInSink": true, "deleteObjectsFromSourceAfterTransfer": true}),
            "transferOptions.deleteObjectsFromSourceAfterTransfer: excludes deleteObjectsUniqueInSink",
        ),
        ("transferOptions", json!({"overwriteWhen": "SOMETIMES"}), "transferOptions.overwriteWhen: must be one of"),
        ("deleteAll", json!(true), "deleteAll: is not a field"),
    ] {
        refused(&with(name, value), &format!("INVALID_ARGUMENT: {expected}"));
    }
    let mut timed = with("objectConditions", json!({"lastModifiedSince": "2026-01-02T03:04:05Z"}));
    timed["transferOptions"] = json!({"deleteObjectsUniqueInSink": true});
    refused(&timed, "transferOptions.deleteObjectsUniqueInSink: does not go with conditions on times");
    let compatible = |more: Value| {
        let mut source = json!({"bucketName": "compatible", "endpoint": "127.0.0.1:9000"});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"awsS3CompatibleDataSource": source, "gcsDataSink": {"bucketName": "sink"}})
    };
    let field = |rest: &str| format!("INVALID_ARGUMENT: awsS3CompatibleDataSource.{rest}");
    refused(&compatible(json!({"endpoint": "169.254.169.254"})), &field("endpoint: is not the endpoint"));
    refused(&compatible(json!({"endpoint": ""})), &field("endpoint: is required"));
    refused(&compatible(json!({"region": "elsewhere"})), &field("region: is not the region"));
    refused(
        &compatible(json!({"bucketName": "exports"})),
        &field("bucketName: names the bucket \"exports\", which is configured as another"),
    );
    let protocol = json!({"s3Metadata": {"protocol": "NETWORK_PROTOCOL_HTTPS"}});
    refused(&compatible(protocol), &field("s3Metadata.protocol: is not that of the endpoint"));
    let posix = |root: &str| json!({"posixDataSource": {"rootDirectory": root}, "gcsDataSink": {"bucketName": "sink"}});
    refused(&posix("/etc"), "posixDataSource.rootDirectory: is beneath no folder");
    refused(&posix("/data/../etc"), "posixDataSource.rootDirectory: must be an absolute path");
}
