//! Type S3: Amazon's and everybody else's that speaks its protocol.
//!
//! The endpoint is a host without scheme. Requests name the bucket in the path, but for endpoints of Amazon, Google and
//! Aliyun, which want it in the host name (`bucket_lookup_type` says otherwise). Where no region is given it is read from an
//! endpoint of Amazon; else it is us-east-1, which stores of one region take. Keys of the configuration come first, then
//! [`super::credentials`].

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Attribute, AttributeValue, Attributes};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::http::{Connector, HttpConfig, retries};
use super::secret::Secret;
use super::yaml::{read, refuse, required};
use super::{Environment, Remote, credentials};

const KIND: &str = "S3";
/// Smallest part that stores take, the last aside.
const PART_BYTES_MIN: u64 = 5 << 20;
/// Bytes of a key for SSE-C.
const CUSTOMER_KEY_LEN: usize = 32;
/// Endpoints of these domains have the bucket in the host name.
const VIRTUAL_HOSTED: [&str; 3] = [".amazonaws.com", ".googleapis.com", ".aliyuncs.com"];

/// The keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) bucket: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    /// An endpoint is used as it is written, so there is no second stack to leave out.
    #[serde(rename = "disable_dualstack")]
    pub(super) _disable_dualstack: Option<bool>,
    pub(super) aws_sdk_auth: Option<bool>,
    pub(super) access_key: Option<Secret>,
    pub(super) secret_key: Option<Secret>,
    pub(super) session_token: Option<Secret>,
    pub(super) insecure: Option<bool>,
    pub(super) signature_version2: Option<Spanned<bool>>,
    pub(super) put_user_metadata: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) http_config: Option<HttpConfig>,
    pub(super) trace: Option<Trace>,
    pub(super) list_objects_version: Option<Spanned<String>>,
    pub(super) bucket_lookup_type: Option<Spanned<String>>,
    /// Every body is signed with its SHA-256, which says more.
    #[serde(rename = "send_content_md5")]
    pub(super) _send_content_md5: Option<bool>,
    pub(super) disable_multipart: Option<bool>,
    pub(super) part_size: Option<Spanned<u64>>,
    pub(super) sse_config: Option<Sse>,
    pub(super) sts_endpoint: Option<String>,
    pub(super) max_retries: Option<usize>,
}

/// The keys of `trace`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Trace {
    enable: Option<bool>,
}

/// The keys of `sse_config`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sse {
    #[serde(rename = "type")]
    kind: Option<Spanned<String>>,
    kms_key_id: Option<String>,
    kms_encryption_context: Option<Spanned<BTreeMap<String, String>>>,
    encryption_key: Option<String>,
}

/// Opens the store that the document describes.
///
/// # Errors
/// Where a key is missing, does not make sense or cannot be honoured.
pub(super) fn open(yaml: &str, environment: Environment<'_>) -> anyhow::Result<Remote> {
    let config = read::<S3>(yaml)?.config.unwrap_or_default();
    connect(config, KIND, environment)
}

/// Opens the store with these keys, which came from a configuration of type `kind`.
///
/// # Errors
/// As [`open`].
pub(super) fn connect(
    config: S3,
    kind: &str,
    environment: Environment<'_>,
) -> anyhow::Result<Remote> {
    let bucket = required(config.bucket, kind, "bucket")?;
    let endpoint = required(config.endpoint, kind, "endpoint")?;
    ensure!(
        !endpoint.contains('/'),
        "config.endpoint of type {kind} is a host with or without port, no scheme and no path; 'insecure: true' is for plain HTTP"
    );
    refuse_old(
        config.signature_version2.as_ref(),
        config.list_objects_version.as_ref(),
    )?;
    let insecure = config.insecure.unwrap_or(false);
    let is_virtual = is_virtual_hosted(
        config.bucket_lookup_type.as_ref(),
        &endpoint,
        &bucket,
        insecure,
    )?;
    let scheme = if insecure { "http" } else { "https" };
    let url = match is_virtual {
        true => format!("{scheme}://{bucket}.{endpoint}"),
        false => format!("{scheme}://{endpoint}"),
    };
    let mut connector = Connector::new(config.http_config)?;
    connector.trace = config
        .trace
        .is_some_and(|trace| trace.enable.unwrap_or(false));
    let given = |key: Option<String>| key.filter(|value| !value.is_empty());
    let region = given(config.region).or_else(|| region_of(&endpoint).map(str::to_owned));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket)
        .with_endpoint(url)
        .with_virtual_hosted_style_request(is_virtual)
        .with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
        // Thanos sends no tags, and some stores refuse them.
        .with_disable_tagging(true)
        // One request per object works everywhere; a block has few of them.
        .with_disable_bulk_delete(true)
        .with_retry(retries(config.max_retries))
        .with_client_options(connector.options())
        .with_http_connector(connector);
    if let Some(sts) = given(config.sts_endpoint) {
        builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, sts);
    }
    let keys = credentials::Keys {
        access: config.access_key,
        secret: config.secret_key,
        token: config.session_token,
        amazon_only: config.aws_sdk_auth.unwrap_or(false),
    };
    builder = credentials::apply(builder, keys, environment)?;
    builder = encrypt(builder, config.sse_config.unwrap_or_default())?;
    let store = builder.build().context("set up the client")?;
    Ok(Remote {
        part_bytes: part_bytes(config.part_size.as_ref())?,
        attributes: attributes(config.put_user_metadata.as_ref())?,
        whole_objects: config.disable_multipart.unwrap_or(false),
        ..Remote::new(Arc::new(store), bucket)
    })
}

fn refuse_old(
    signature: Option<&Spanned<bool>>,
    list: Option<&Spanned<String>>,
) -> anyhow::Result<()> {
    if let Some(old) = signature.filter(|old| old.value) {
        let hint = "is not supported; every store of the last ten years takes version 4, which is used without this key";
        return Err(refuse(old, "signature_version2", hint));
    }
    match list.filter(|version| !matches!(version.value.as_str(), "" | "v2")) {
        Some(old) if old.value == "v1" => {
            let hint = "v1 is not supported; leave the key out if the store has ListObjectsV2";
            Err(refuse(old, "list_objects_version", hint))
        }
        Some(other) => Err(refuse(other, "list_objects_version", "is v2 or empty")),
        None => Ok(()),
    }
}

fn is_virtual_hosted(
    lookup: Option<&Spanned<String>>,
    endpoint: &str,
    bucket: &str,
    insecure: bool,
) -> anyhow::Result<bool> {
    let host = endpoint.split(':').next().unwrap_or(endpoint);
    match lookup.map_or("auto", |lookup| lookup.value.as_str()) {
        "virtual-hosted" => Ok(true),
        "path" => Ok(false),
        // The certificate of such an endpoint covers one label only.
        "" | "auto" if bucket.contains('.') && !insecure => Ok(false),
        "" | "auto" => Ok(VIRTUAL_HOSTED.iter().any(|domain| host.ends_with(domain))),
        _ => {
            let lookup = lookup.expect("a missing one is auto");
            Err(refuse(
                lookup,
                "bucket_lookup_type",
                "is auto, virtual-hosted or path",
            ))
        }
    }
}

/// The region in an endpoint of Amazon: `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1.…`, `s3.dualstack.eu-west-1.…`.
fn region_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.split(':').next()?;
    let name = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let region = name
        .strip_prefix("s3.dualstack.")
        .or_else(|| name.strip_prefix("s3-fips."));
    let region = region
        .or_else(|| name.strip_prefix("s3."))
        .or_else(|| name.strip_prefix("s3-"))?;
    Some(region).filter(|region| !region.contains('.'))
}

fn part_bytes(size: Option<&Spanned<u64>>) -> anyhow::Result<Option<u64>> {
    match size.filter(|size| size.value > 0) {
        Some(size) if size.value < PART_BYTES_MIN => {
            Err(refuse(size, "part_size", "is at least 5242880 bytes"))
        }
        size => Ok(size.map(|size| size.value)),
    }
}

fn encrypt(builder: AmazonS3Builder, sse: Sse) -> anyhow::Result<AmazonS3Builder> {
    if let Some(context) = sse
        .kms_encryption_context
        .filter(|context| !context.value.is_empty())
    {
        let hint = "cannot be sent; put the context into a default encryption rule of the bucket";
        return Err(refuse(&context, "kms_encryption_context", hint));
    }
    let kind = sse.kind.as_ref().map_or("", |kind| kind.value.as_str());
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    match kind {
        "" => Ok(builder),
        "SSE-S3" => Ok(builder.with_config(
            "aws_server_side_encryption"
                .parse()
                .expect("a key of this client"),
            "AES256",
        )),
        "SSE-KMS" => {
            let key =
                given(sse.kms_key_id).context("sse_config of type SSE-KMS needs kms_key_id")?;
            Ok(builder.with_sse_kms_encryption(key))
        }
        "SSE-C" => {
            let path = given(sse.encryption_key)
                .context("sse_config of type SSE-C needs encryption_key, the path of a key file")?;
            let key = std::fs::read(&path).with_context(|| format!("read {path}"))?;
            if key.len() != CUSTOMER_KEY_LEN {
                bail!(
                    "{path} has {} bytes; a key for SSE-C has {CUSTOMER_KEY_LEN}",
                    key.len()
                );
            }
            Ok(builder.with_ssec_encryption(base64(&key)))
        }
        _ => {
            let kind = sse.kind.expect("a missing one is empty");
            Err(refuse(
                &kind,
                "sse_config.type",
                "is SSE-S3, SSE-KMS or SSE-C",
            ))
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        (0..4).map(move |at| match at <= three.len() {
            true => char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]),
            false => '=',
        })
    });
    digits.collect()
}

/// What goes with every object: a storage class, headers that describe the content, and words of the user's.
fn attributes(metadata: Option<&Spanned<BTreeMap<String, String>>>) -> anyhow::Result<Attributes> {
    let mut attributes = Attributes::new();
    let Some(metadata) = metadata else {
        return Ok(attributes);
    };
    for (key, value) in &metadata.value {
        let name = key.to_ascii_lowercase();
        let attribute = match name.as_str() {
            "x-amz-storage-class" => Attribute::StorageClass,
            "content-type" => Attribute::ContentType,
            "content-encoding" => Attribute::ContentEncoding,
            "content-disposition" => Attribute::ContentDisposition,
            "content-language" => Attribute::ContentLanguage,
            "cache-control" => Attribute::CacheControl,
            other => match other.strip_prefix("x-amz-meta-") {
                Some(word) => Attribute::Metadata(word.to_owned().into()),
                None if other.starts_with("x-amz-") => {
                    let hint = format!("cannot hold {key:?}; say it in a policy of the bucket");
                    return Err(refuse(metadata, "put_user_metadata", &hint));
                }
                None => Attribute::Metadata(name.into()),
            },
        };
        attributes.insert(attribute, AttributeValue::from(value.clone()));
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_the_large_clouds_are_named_by_their_host() {
        fn check(lookup: &str, endpoint: &str, bucket: &str, want: bool) {
            let lookup: Option<Spanned<String>> =
                serde_saphyr::from_str(&format!("{lookup:?}")).unwrap();
            let got = is_virtual_hosted(lookup.as_ref(), endpoint, bucket, false).unwrap();
            assert_eq!(got, want, "{endpoint} {bucket}");
        }
        check("auto", "s3.eu-west-1.amazonaws.com", "b", true);
        check("", "s3.eu-west-1.amazonaws.com:443", "b", true);
        check("auto", "s3.eu-west-1.amazonaws.com", "b.c", false);
        check("auto", "minio:9000", "b", false);
        check("path", "s3.eu-west-1.amazonaws.com", "b", false);
        check("virtual-hosted", "minio:9000", "b", true);
    }

    #[test]
    fn regions_are_read_from_endpoints_of_amazon() {
        fn check(endpoint: &str, want: Option<&str>) {
            assert_eq!(region_of(endpoint), want, "{endpoint}");
        }
        check("s3.eu-west-1.amazonaws.com", Some("eu-west-1"));
        check("s3-us-west-2.amazonaws.com:443", Some("us-west-2"));
        check("s3.dualstack.ap-south-1.amazonaws.com", Some("ap-south-1"));
        check("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1"));
        check("s3.amazonaws.com", None);
        check("minio:9000", None);
    }

    #[test]
    fn keys_are_written_as_base64() {
        for (bytes, want) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), want);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
