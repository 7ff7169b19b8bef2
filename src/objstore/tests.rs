//! Promises of the configuration: what opens, what is refused and with which words, and that secrets stay secret.

use super::*;

const SECRET: &str = "hunter2-the-secret";

fn opened(yaml: &str) -> anyhow::Result<Opened> {
    let dir = std::env::temp_dir().display().to_string();
    open(yaml, &|name| match name {
        "DIR_1" => Some(dir.clone()),
        "KEY" => Some(SECRET.to_owned()),
        _ => None,
    })
}

#[track_caller]
fn refused(yaml: &str, want: &str) {
    let error = opened(yaml).map(drop).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains(want), "{text}\nwant {want}\n{yaml}");
    let all = format!("{text} {error:?}");
    assert!(!all.contains(SECRET), "{all}");
}

/// S3 with one more line.
fn s3(line: &str) -> String {
    format!(
        "type: S3\nconfig:\n  bucket: b\n  endpoint: localhost:1\n  access_key: AK\n  secret_key: $(KEY)\n{line}\n"
    )
}

fn gcs(line: &str) -> String {
    let account =
        r#"{"private_key":"","private_key_id":"","client_email":"","disable_oauth":true}"#;
    format!("type: GCS\nconfig:\n  bucket: b\n  service_account: '{account}'\n{line}\n")
}

fn azure(line: &str) -> String {
    format!("type: AZURE\nconfig:\n  storage_account: a\n  container: c\n{line}\n")
}

#[test]
fn a_directory_opens_in_any_case_with_its_prefix() {
    fn check(yaml: &str, prefix: &str) {
        let opened = opened(yaml).unwrap();
        assert_eq!(opened.bucket.prefix.as_ref(), prefix, "{yaml}");
        assert!(opened.warnings.is_empty());
    }
    check("type: FILESYSTEM\nconfig:\n  directory: $(DIR_1)\n", "");
    check(
        "type: filesystem\nconfig: {directory: $(DIR_1)}\nprefix: /a/b/\n",
        "a/b",
    );
    check(
        "prefix:\nconfig:\n  directory: \"$(DIR_1)\"\ntype: 'FileSystem'\n",
        "",
    );
}

#[test]
fn unknown_keys_are_warnings_where_thanos_ignores_them() {
    fn check(yaml: &str, want: &[String]) {
        assert_eq!(opened(yaml).unwrap().warnings, want, "{yaml}");
    }
    let warning =
        |line, key, kind| format!("line {line}: key {key:?} of type {kind} has no effect");
    check(
        "type: FILESYSTEM\nconfig:\n  colour: red\n  directory: $(DIR_1)\n  x: [1, 2]\n",
        &[
            warning(3, "colour", "FILESYSTEM"),
            warning(5, "x", "FILESYSTEM"),
        ],
    );
    check(
        "type: BOS\nconfig:\n  bucket: b\n  endpoint: bj.bcebos.com\n  access_key: a\n  secret_key: $(KEY)\n  x: 1\n",
        &[warning(7, "x", "BOS")],
    );
}

#[test]
fn unknown_keys_are_errors_where_thanos_refuses_them() {
    for yaml in [s3("  nope: 1"), gcs("  nope: 1"), azure("  nope: 1")] {
        refused(&yaml, "nope");
        let line = yaml.lines().position(|line| line.contains("nope")).unwrap() + 1;
        refused(&yaml, &format!("line {line}: "));
    }
    refused(&s3("  http_config: {nope: 1}"), "nope");
    refused(&s3("  http_config: {tls_config: {nope: 1}}"), "nope");
    refused(&s3("  sse_config: {nope: 1}"), "nope");
}

#[test]
fn every_key_of_thanos_is_known() {
    fn check(yaml: &str) {
        if let Err(error) = opened(yaml) {
            panic!("{error:#}\n{yaml}");
        }
    }
    for line in [
        "  region: eu-west-1",
        "  region:",
        "  disable_dualstack: true",
        "  aws_sdk_auth: false",
        "  session_token: t",
        "  insecure: yes",
        "  signature_version2: false",
        "  put_user_metadata: {X-Amz-Storage-Class: STANDARD_IA, team: a}",
        "  http_config:",
        "  http_config: {idle_conn_timeout: 1m30s, response_header_timeout: 2m, insecure_skip_verify: true}",
        "  http_config: {tls_handshake_timeout: 10s, expect_continue_timeout: 1s, max_idle_conns: 100}",
        "  http_config: {max_idle_conns_per_host: 0, max_conns_per_host: 4, disable_compression: true}",
        "  http_config: {tls_config: {ca_file: '', cert_file: '', key_file: '', server_name: '', insecure_skip_verify: false}}",
        "  trace: {enable: true}",
        "  list_objects_version: v2",
        "  bucket_lookup_type: path",
        "  send_content_md5: false",
        "  disable_multipart: true",
        "  part_size: 67108864",
        "  sse_config: {type: SSE-S3}",
        "  sse_config: {type: SSE-KMS, kms_key_id: k, kms_encryption_context: {}}",
        "  sts_endpoint: https://sts.example",
        "  max_retries: 3",
        "prefix: team/x",
    ] {
        check(&s3(line));
    }
    for line in [
        "  use_grpc: false",
        "  grpc_conn_pool_size: 0",
        "  chunk_size_bytes: 16777216",
        "  max_retries: 1",
    ] {
        check(&gcs(line));
    }
    for line in [
        "  storage_account_key: aGk=",
        "  storage_connection_string: AccountName=a;AccountKey=aGk=",
        "  user_assigned_id: x",
        "  {az_tenant_id: t, client_id: i, client_secret: s}"
            .trim_matches([' ', '{', '}'])
            .replace(", ", "\n  ")
            .as_str(),
        "  max_retries: 2\n  reader_config: {max_retry_requests: 1}",
        "  pipeline_config: {max_tries: 3, try_timeout: 5m, retry_delay: 1s, max_retry_delay: 1m}",
        "  storage_create_container: false\n  msi_resource: x\n  endpoint: blob.core.chinacloudapi.cn",
    ] {
        let line = if line.starts_with("  ") {
            line.to_owned()
        } else {
            format!("  {line}")
        };
        check(&azure(&line));
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_with_its_place() {
    let sound = "type: FILESYSTEM\nconfig:\n  directory: $(DIR_1)\n";
    refused(&format!("{sound}cache: 1\n"), "line 4: ");
    refused(&format!("{sound}cache: 1\n"), "cache");
    refused(&format!("{sound}type: S3\n"), "line 4: ");
    refused("type: FTP\n", "unknown bucket type \"FTP\"");
    refused("config: {}\n", "type");
    refused(
        "type: FILESYSTEM\n",
        "config.directory of type FILESYSTEM is missing",
    );
    refused("type: FILESYSTEM\nconfig: {directory: ''}\n", "is missing");
    refused(
        "type: FILESYSTEM\nconfig: {directory: /no/where}\n",
        "/no/where not found",
    );
    refused(
        "type: FILESYSTEM\nconfig: {directory: /dev/null}\n",
        "/dev/null is not a directory",
    );
    refused(
        "type: FILESYSTEM\nconfig:\n  directory: $(NONE)\n",
        "line 3: $(NONE) is not",
    );
    refused(&format!("{sound}prefix: a//b\n"), "prefix");
    refused("type: [", "line 1");
    refused("", "line 1");
    refused("type: SWIFT\nconfig: {}\n", "EC2 credentials");
    refused("type: OCI\nconfig: {}\n", "customer secret key");
}

#[test]
fn options_of_stores_that_cannot_be_honoured_say_what_to_do() {
    refused(
        "type: s3\nconfig: {endpoint: x}\n",
        "config.bucket of type S3 is missing",
    );
    refused(
        "type: s3\nconfig: {bucket: x}\n",
        "config.endpoint of type S3 is missing",
    );
    refused(
        "type: s3\nconfig: {bucket: x, endpoint: 'https://x'}\n",
        "no scheme",
    );
    refused(
        &s3("  signature_version2: true"),
        "line 7: signature_version2 is not supported",
    );
    refused(
        &s3("  list_objects_version: v1"),
        "line 7: list_objects_version v1 is not supported",
    );
    refused(
        &s3("  bucket_lookup_type: x"),
        "line 7: bucket_lookup_type is auto",
    );
    refused(&s3("  part_size: 1000"), "line 7: part_size is at least");
    refused(&s3("  aws_sdk_auth: true"), "exclude each other");
    refused(
        &s3("  put_user_metadata: {X-Amz-Acl: private}"),
        "line 7: put_user_metadata cannot hold",
    );
    refused(
        &s3("  sse_config: {type: AES}"),
        "line 7: sse_config.type is",
    );
    refused(&s3("  sse_config: {type: SSE-KMS}"), "needs kms_key_id");
    refused(
        &s3("  sse_config: {type: SSE-C, encryption_key: /no/where}"),
        "read /no/where",
    );
    refused(
        &s3("  sse_config: {kms_encryption_context: {a: b}}"),
        "line 7: kms_encryption_context cannot",
    );
    refused(
        &s3("  http_config:\n    tls_config:\n      server_name: x"),
        "line 9: server_name cannot",
    );
    refused(
        &s3("  http_config: {tls_config: {ca_file: /no/where}}"),
        "read /no/where",
    );
    refused(
        &s3("  http_config: {tls_config: {cert_file: /dev/null}}"),
        "go together",
    );
    refused(&s3("  http_config: {idle_conn_timeout: soon}"), "line 7: ");
}

#[test]
fn options_of_gcs_and_azure_that_cannot_be_honoured_say_what_to_do() {
    refused(
        &gcs("  use_grpc: true"),
        "line 5: use_grpc is not supported",
    );
    refused(
        &gcs("  chunk_size_bytes: 7"),
        "line 5: chunk_size_bytes is at least",
    );
    refused(
        "type: GCS\nconfig: {}\n",
        "config.bucket of type GCS is missing",
    );
    refused(
        &azure("  user_assigned_id: x\n  storage_account_key: $(KEY)"),
        "user_assigned_id excludes",
    );
    refused(
        &azure("  storage_connection_string: x\n  storage_account_key: $(KEY)"),
        "exclude each other",
    );
    refused(&azure("  client_id: x"), "go together");
    refused(&azure("  endpoint: https://x"), "without scheme");
}

#[test]
fn secrets_are_not_printed_where_they_stand_wrong() {
    // Each makes a parser stumble over the secret itself.
    refused("type: S3\nconfig:\n  secret_key: {a: $(KEY)}\n", "line 3");
    refused(
        "type: S3\nconfig:\n  bucket: b\n  secret_key: \"$(KEY)\n",
        "line",
    );
    refused(
        "type: S3\nconfig:\n  secret_key: $(KEY)\n  insecure: $(KEY)\n",
        "line 4",
    );
    refused(
        "type: S3\nconfig:\n  secret_key: $(KEY)\n  $(KEY): 1\n",
        "***",
    );
    refused(
        "type: GCS\nconfig: {bucket: b, service_account: $(KEY)}\n",
        "set up the client",
    );
    refused(
        "type: AZURE\nconfig: {storage_account: a, container: c, storage_account_key: $(KEY)}\n",
        "set up the client",
    );
    refused(
        "type: AZURE\nconfig: {storage_account: a, container: c, storage_connection_string: SharedAccessSignature=$(KEY)}\n",
        "cannot be read",
    );
}

#[test]
fn debug_output_of_an_open_bucket_holds_no_secret() {
    let opened = opened(&s3("  session_token: $(KEY)")).unwrap();
    // The client itself is not ours to print; what we print is its name.
    assert!(!opened.bucket.store.to_string().contains(SECRET));
    assert!(!format!("{:?}", opened.metrics).contains(SECRET));
}

#[test]
fn only_whole_names_are_substituted() {
    fn check(text: &str, want: &str) {
        let got = substitute(text, &|name| Some(format!("<{name}>")));
        assert_eq!(got.unwrap(), want);
    }
    check("a $(B_1)$(c)", "a <B_1><c>");
    check("$() $(a-b) $(a $x ${y} $", "$() $(a-b) $(a $x ${y} $");
    check("$($(A))", "$(<A>)");
}

/// The metrics of a bucket in `dir` after one operation of each kind.
async fn exposed(dir: &Path) -> String {
    use object_store::ObjectStoreExt as _;
    let yaml = format!(
        "type: FILESYSTEM\nconfig:\n  directory: {}\n",
        dir.display()
    );
    let opened = opened(&yaml).unwrap();
    let object = object_store::path::Path::from("a");
    opened
        .bucket
        .store
        .put(&object, "abc".into())
        .await
        .unwrap();
    opened.bucket.store.get_range(&object, 0..2).await.unwrap();
    opened.bucket.store.delete(&object).await.unwrap();
    assert!(opened.bucket.store.head(&object).await.is_err());
    let mut registry = prometheus_client::registry::Registry::default();
    opened.metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn golden_metrics_have_the_names_types_and_labels_of_thanos() {
    let path = tsdb::testing::golden::path("services/facts/metrics.json");
    let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let text = exposed(dir.path()).await;
    let known = facts["compact"].as_array().unwrap();
    let ours: Vec<_> = known
        .iter()
        .filter(|fact| {
            fact["name"]
                .as_str()
                .unwrap()
                .starts_with("thanos_objstore_")
        })
        .collect();
    assert!(!ours.is_empty());
    for fact in ours {
        let (name, kind) = (
            fact["name"].as_str().unwrap(),
            fact["type"].as_str().unwrap(),
        );
        let family = if kind == "counter" {
            name.trim_end_matches("_total")
        } else {
            name
        };
        assert!(
            text.contains(&format!("# TYPE {family} {kind}\n")),
            "{name} {kind}\n{text}"
        );
        let sample = if kind == "histogram" {
            format!("{name}_sum{{")
        } else {
            format!("{name}{{")
        };
        let line = text
            .lines()
            .find(|line| line.starts_with(&sample))
            .unwrap_or_else(|| panic!("{name}\n{text}"));
        for label in fact["labels"].as_array().unwrap() {
            assert!(
                line.contains(&format!("{}=\"", label.as_str().unwrap())),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn operations_are_counted_with_what_they_moved() {
    let dir = tempfile::tempdir().unwrap();
    let text = exposed(dir.path()).await;
    let label = format!("bucket=\"fs: {}\"", dir.path().display());
    for line in [
        format!("thanos_objstore_bucket_operations_total{{{label},operation=\"upload\"}} 1"),
        format!("thanos_objstore_bucket_operations_total{{{label},operation=\"get_range\"}} 1"),
        format!("thanos_objstore_bucket_operations_total{{{label},operation=\"exists\"}} 1"),
        format!("thanos_objstore_bucket_operations_total{{{label},operation=\"delete\"}} 1"),
        format!("thanos_objstore_bucket_operations_total{{{label},operation=\"attributes\"}} 0"),
        format!(
            "thanos_objstore_bucket_operation_failures_total{{{label},operation=\"exists\"}} 0"
        ),
        format!(
            "thanos_objstore_bucket_operation_fetched_bytes_total{{{label},operation=\"get_range\"}} 2"
        ),
        format!(
            "thanos_objstore_bucket_operation_transferred_bytes_sum{{{label},operation=\"upload\"}} 3.0"
        ),
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}
