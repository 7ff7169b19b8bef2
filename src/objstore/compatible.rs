//! Types whose stores also speak the protocol of S3: COS, ALIYUNOSS, BOS, OBS. SWIFT and OCI are told what to do.
//!
//! | Type | Keys | Becomes |
//! |---|---|---|
//! | COS | secret_id, secret_key, bucket (+ app_id), region or endpoint | `cos.<region>.myqcloud.com`, bucket `<bucket>-<app_id>` |
//! | ALIYUNOSS | access_key_id, access_key_secret, bucket, endpoint | the endpoint, bucket in the host name |
//! | BOS | access_key, secret_key, bucket, endpoint | `s3.<region>.bcebos.com` |
//! | OBS | access_key, secret_key, bucket, endpoint | the endpoint, bucket in the host name |
//!
//! The keys of SWIFT and OCI are for other protocols; both have S3 doors with keys of their own.

use anyhow::bail;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};

use super::http::HttpConfig;
use super::s3::{self, S3};
use super::secret::Secret;
use super::yaml::{read, required, unknown};
use super::{Environment, Remote};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cos {
    bucket: Option<String>,
    region: Option<String>,
    app_id: Option<String>,
    endpoint: Option<String>,
    secret_id: Option<Secret>,
    secret_key: Option<Secret>,
    max_retries: Option<usize>,
    http_config: Option<HttpConfig>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Aliyun {
    endpoint: Option<String>,
    bucket: Option<String>,
    access_key_id: Option<Secret>,
    access_key_secret: Option<Secret>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bos {
    bucket: Option<String>,
    endpoint: Option<String>,
    access_key: Option<Secret>,
    secret_key: Option<Secret>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Obs {
    bucket: Option<String>,
    endpoint: Option<String>,
    access_key: Option<Secret>,
    secret_key: Option<Secret>,
    max_retries: Option<usize>,
    http_config: Option<HttpConfig>,
}

/// Opens the store of one of these types.
///
/// # Errors
/// Where a key is missing, or the type has no keys that the S3 protocol could use.
pub(super) fn open(kind: &str, yaml: &str, environment: Environment<'_>) -> anyhow::Result<Remote> {
    let (config, known): (S3, &[&str]) = match kind {
        "COS" => (
            cos(config(yaml)?)?,
            &[
                "bucket",
                "region",
                "app_id",
                "endpoint",
                "secret_id",
                "secret_key",
                "max_retries",
                "http_config",
            ],
        ),
        "ALIYUNOSS" => (
            aliyun(config(yaml)?)?,
            &["endpoint", "bucket", "access_key_id", "access_key_secret"],
        ),
        "BOS" => (
            bos(config(yaml)?)?,
            &["bucket", "endpoint", "access_key", "secret_key"],
        ),
        "OBS" => (
            obs(config(yaml)?)?,
            &[
                "bucket",
                "endpoint",
                "access_key",
                "secret_key",
                "max_retries",
                "http_config",
            ],
        ),
        "SWIFT" => bail!(
            "type SWIFT is not supported; create EC2 credentials ('openstack ec2 credentials create') and give them as access_key and secret_key of type S3, with the S3 endpoint of the cluster"
        ),
        _ => bail!(
            "type OCI is not supported; create a customer secret key and give it as access_key and secret_key of type S3, with endpoint <namespace>.compat.objectstorage.<region>.oraclecloud.com and that region"
        ),
    };
    let warnings = unknown(yaml, kind, known)?;
    Ok(Remote {
        warnings,
        ..s3::connect(config, kind, environment)?
    })
}

fn config<C: DeserializeOwned + Default>(yaml: &str) -> anyhow::Result<C> {
    Ok(read::<C>(yaml)?.config.unwrap_or_default())
}

fn cos(config: Cos) -> anyhow::Result<S3> {
    let (bucket, endpoint) = match config.endpoint.filter(|endpoint| !endpoint.is_empty()) {
        // The endpoint holds the bucket: <bucket>-<app_id>.cos.<region>.myqcloud.com.
        Some(endpoint) => split_host(&endpoint, "COS")?,
        None => {
            let bucket = required(config.bucket, "COS", "bucket")?;
            let app_id = required(config.app_id, "COS", "app_id")?;
            let region = required(config.region.clone(), "COS", "region")?;
            (
                format!("{bucket}-{app_id}"),
                format!("cos.{region}.myqcloud.com"),
            )
        }
    };
    let region = region_in(&endpoint, "cos.").or(config.region);
    Ok(S3 {
        max_retries: config.max_retries,
        http_config: config.http_config,
        ..with_keys(
            "COS",
            (bucket, endpoint, region),
            config.secret_id,
            config.secret_key,
        )?
    })
}

fn aliyun(config: Aliyun) -> anyhow::Result<S3> {
    let bucket = required(config.bucket, "ALIYUNOSS", "bucket")?;
    let endpoint = host(&required(config.endpoint, "ALIYUNOSS", "endpoint")?);
    let region = region_in(&endpoint, "oss-")
        .map(|region| format!("oss-{}", region.trim_end_matches("-internal")));
    with_keys(
        "ALIYUNOSS",
        (bucket, endpoint, region),
        config.access_key_id,
        config.access_key_secret,
    )
}

fn bos(config: Bos) -> anyhow::Result<S3> {
    let bucket = required(config.bucket, "BOS", "bucket")?;
    let endpoint = host(&required(config.endpoint, "BOS", "endpoint")?);
    // `bj.bcebos.com` speaks their own protocol, `s3.bj.bcebos.com` that of S3.
    let endpoint = match endpoint.ends_with(".bcebos.com") && !endpoint.starts_with("s3.") {
        true => format!("s3.{endpoint}"),
        false => endpoint,
    };
    let region = region_in(&endpoint, "s3.");
    with_keys(
        "BOS",
        (bucket, endpoint, region),
        config.access_key,
        config.secret_key,
    )
}

fn obs(config: Obs) -> anyhow::Result<S3> {
    let bucket = required(config.bucket, "OBS", "bucket")?;
    let endpoint = host(&required(config.endpoint, "OBS", "endpoint")?);
    let region = region_in(&endpoint, "obs.");
    Ok(S3 {
        max_retries: config.max_retries,
        http_config: config.http_config,
        ..with_keys(
            "OBS",
            (bucket, endpoint, region),
            config.access_key,
            config.secret_key,
        )?
    })
}

/// The keys of S3 for a bucket, its endpoint and its region. The bucket goes into the host name, as these stores want it.
fn with_keys(
    kind: &str,
    (bucket, endpoint, region): (String, String, Option<String>),
    access: Option<Secret>,
    secret: Option<Secret>,
) -> anyhow::Result<S3> {
    let is_given = |key: &Option<Secret>| key.as_ref().is_some_and(|key| !key.expose().is_empty());
    if !is_given(&access) || !is_given(&secret) {
        bail!("the keys of type {kind} are missing");
    }
    Ok(S3 {
        bucket: Some(bucket),
        endpoint: Some(endpoint),
        region,
        access_key: access,
        secret_key: secret,
        bucket_lookup_type: Some(Spanned::new(
            "virtual-hosted".to_owned(),
            Location::UNKNOWN,
            Location::UNKNOWN,
        )),
        ..S3::default()
    })
}

/// Their clients take an endpoint with or without scheme.
fn host(endpoint: &str) -> String {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, host)| host);
    host.trim_end_matches('/').to_owned()
}

fn split_host(endpoint: &str, kind: &str) -> anyhow::Result<(String, String)> {
    let host = host(endpoint);
    match host.split_once('.') {
        Some((bucket, rest)) if !bucket.is_empty() => Ok((bucket.to_owned(), rest.to_owned())),
        _ => bail!("config.endpoint of type {kind} is a host that begins with the bucket"),
    }
}

/// The word behind `before` at the start of a host.
fn region_in(endpoint: &str, before: &str) -> Option<String> {
    let (region, _) = endpoint.strip_prefix(before)?.split_once('.')?;
    Some(region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_keys_become_those_of_s3() {
        fn check(config: anyhow::Result<S3>, want: (&str, &str, &str)) {
            let config = config.unwrap();
            let got = (
                config.bucket.unwrap(),
                config.endpoint.unwrap(),
                config.region.unwrap(),
            );
            assert_eq!((got.0.as_str(), got.1.as_str(), got.2.as_str()), want);
        }
        fn keys<C: DeserializeOwned>(yaml: &str) -> C {
            serde_saphyr::from_str(yaml).unwrap()
        }
        check(
            cos(keys(
                "{bucket: b, app_id: '1', region: ap-x, secret_id: i, secret_key: k}",
            )),
            ("b-1", "cos.ap-x.myqcloud.com", "ap-x"),
        );
        check(
            cos(keys(
                "{endpoint: 'https://b-1.cos.ap-x.myqcloud.com', secret_id: i, secret_key: k}",
            )),
            ("b-1", "cos.ap-x.myqcloud.com", "ap-x"),
        );
        check(
            aliyun(keys(
                "{bucket: b, endpoint: oss-cn-x-internal.aliyuncs.com, access_key_id: i, access_key_secret: k}",
            )),
            ("b", "oss-cn-x-internal.aliyuncs.com", "oss-cn-x"),
        );
        check(
            bos(keys(
                "{bucket: b, endpoint: bj.bcebos.com, access_key: i, secret_key: k}",
            )),
            ("b", "s3.bj.bcebos.com", "bj"),
        );
        check(
            obs(keys(
                "{bucket: b, endpoint: obs.eu-x.myhuaweicloud.com, access_key: i, secret_key: k}",
            )),
            ("b", "obs.eu-x.myhuaweicloud.com", "eu-x"),
        );
        assert!(obs(keys("{bucket: b, endpoint: e}")).is_err());
    }
}
