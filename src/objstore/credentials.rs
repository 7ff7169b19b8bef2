//! Where keys for S3 come from, first found wins.
//!
//! 1. `access_key` and `secret_key` of the configuration, both or none.
//! 2. The environment: `AWS_ACCESS_KEY_ID` and its kin, then MinIO's names.
//! 3. A web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`), which is explicit where it is set.
//! 4. The shared file `~/.aws/credentials`, profile `AWS_PROFILE` or `default`.
//! 5. The container's or the machine's endpoint.
//!
//! With `aws_sdk_auth` the keys and MinIO's names are left out. 3 and 5 are asked for as keys run out, by `object_store`.

use anyhow::{Context as _, ensure};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::Environment;
use super::secret::Secret;

/// What the configuration says.
pub(super) struct Keys {
    /// Name of the key.
    pub(super) access: Option<Secret>,
    /// The key.
    pub(super) secret: Option<Secret>,
    /// Token of keys that expire.
    pub(super) token: Option<Secret>,
    /// Whether only Amazon's own chain is meant.
    pub(super) amazon_only: bool,
}

/// A pair of keys, with the token of those that expire.
type Pair = (String, String, Option<String>);

/// Gives the builder its keys.
///
/// # Errors
/// Where keys contradict each other, or a shared file is named and cannot be read.
pub(super) fn apply(
    builder: AmazonS3Builder,
    keys: Keys,
    environment: Environment<'_>,
) -> anyhow::Result<AmazonS3Builder> {
    let given = |secret: &Option<Secret>| {
        secret
            .as_ref()
            .map(Secret::expose)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let (access, secret) = (given(&keys.access), given(&keys.secret));
    ensure!(
        !(keys.amazon_only && access.is_some()),
        "aws_sdk_auth and access_key exclude each other; leave one out"
    );
    ensure!(
        access.is_some() == secret.is_some(),
        "access_key and secret_key go together; give both or neither"
    );
    if let (Some(access), Some(secret)) = (access, secret) {
        return Ok(with_pair(builder, (access, secret, given(&keys.token))));
    }
    let get = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(pair) = from_environment(&get, keys.amazon_only) {
        return Ok(with_pair(builder, pair));
    }
    let identity = [
        (
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            AmazonS3ConfigKey::WebIdentityTokenFile,
        ),
        ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
        ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ];
    if get(identity[0].0).is_some() && get(identity[1].0).is_some() {
        return Ok(with_variables(builder, &get, identity));
    }
    if let Some(pair) = from_shared_file(&get)? {
        return Ok(with_pair(builder, pair));
    }
    let container = [
        (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        ),
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
        ),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
        ),
        (
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            AmazonS3ConfigKey::MetadataEndpoint,
        ),
    ];
    Ok(with_variables(builder, &get, container))
}

fn with_pair(builder: AmazonS3Builder, (access, secret, token): Pair) -> AmazonS3Builder {
    let builder = builder
        .with_access_key_id(access)
        .with_secret_access_key(secret);
    match token {
        Some(token) => builder.with_token(token),
        None => builder,
    }
}

fn with_variables<const N: usize>(
    builder: AmazonS3Builder,
    get: &dyn Fn(&str) -> Option<String>,
    variables: [(&str, AmazonS3ConfigKey); N],
) -> AmazonS3Builder {
    variables
        .into_iter()
        .fold(builder, |builder, (name, key)| match get(name) {
            Some(value) => builder.with_config(key, value),
            None => builder,
        })
}

fn from_environment(get: &dyn Fn(&str) -> Option<String>, amazon_only: bool) -> Option<Pair> {
    let amazon = [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),
    ];
    let minio = [
        ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"),
        ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"),
    ];
    let pair = |(access, secret): (&str, &str)| Some((get(access)?, get(secret)?));
    if let Some((access, secret)) = amazon.into_iter().find_map(pair) {
        return Some((access, secret, get("AWS_SESSION_TOKEN")));
    }
    let (access, secret) = minio.into_iter().filter(|_| !amazon_only).find_map(pair)?;
    Some((access, secret, None))
}

fn from_shared_file(get: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Option<Pair>> {
    let named = get("AWS_SHARED_CREDENTIALS_FILE");
    let usual = || get("HOME").map(|home| format!("{home}/.aws/credentials"));
    let Some(path) = named.clone().or_else(usual) else {
        return Ok(None);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_some() => return Err(error).with_context(|| format!("read {path}")),
        // Nobody said that there is one.
        Err(_) => return Ok(None),
    };
    let profile = get("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    Ok(in_profile(&text, &profile))
}

/// The keys of one section of an INI file.
fn in_profile(text: &str, profile: &str) -> Option<Pair> {
    let header = |line: &str| {
        line.trim()
            .strip_prefix('[')?
            .strip_suffix(']')
            .map(|name| name.trim().to_owned())
    };
    let lines = text
        .lines()
        .skip_while(|line| header(line).as_deref() != Some(profile))
        .skip(1);
    let section: Vec<(&str, &str)> = lines
        .take_while(|line| header(line).is_none())
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let get = |name: &str| {
        let found = section
            .iter()
            .find(|(key, value)| *key == name && !value.is_empty());
        found.map(|(_, value)| (*value).to_owned())
    };
    Some((
        get("aws_access_key_id")?,
        get("aws_secret_access_key")?,
        get("aws_session_token"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        keys: (&str, &str),
        amazon_only: bool,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let secret = |text: &str| Some(Secret::from(text.to_owned()));
        let keys = Keys {
            access: secret(keys.0),
            secret: secret(keys.1),
            token: None,
            amazon_only,
        };
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let builder = apply(AmazonS3Builder::new(), keys, &get)?;
        let value = |key| builder.get_config_value(&key).unwrap_or_default();
        let parts = [
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::SecretAccessKey,
            AmazonS3ConfigKey::Token,
            AmazonS3ConfigKey::RoleArn,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        ];
        Ok(parts.map(value).join("|"))
    }

    #[test]
    fn first_source_with_keys_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        let text = "[default]\naws_access_key_id = d\naws_secret_access_key=ds\n\n[p]\naws_access_key_id=p\naws_secret_access_key=ps\naws_session_token = pt\n";
        std::fs::write(&path, text).unwrap();
        let file = ("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap());
        let aws = [
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "as"),
            ("AWS_SESSION_TOKEN", "at"),
            file,
        ];
        let minio = [
            ("MINIO_ROOT_USER", "m"),
            ("MINIO_ROOT_PASSWORD", "ms"),
            file,
        ];
        let identity = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
            ("AWS_ROLE_ARN", "arn"),
            file,
        ];
        let check = |keys, amazon_only, variables: &[(&str, &str)], want: &str| {
            assert_eq!(found(keys, amazon_only, variables).unwrap(), want);
        };
        check(("k", "s"), false, &aws, "k|s|||");
        check(("", ""), false, &aws, "a|as|at||");
        check(("", ""), false, &minio, "m|ms|||");
        check(("", ""), true, &minio, "d|ds|||");
        check(("", ""), false, &identity, "|||arn|");
        check(("", ""), false, &[file, ("AWS_PROFILE", "p")], "p|ps|pt||");
        check(
            ("", ""),
            false,
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/u")],
            "||||/u",
        );
    }

    #[test]
    fn keys_that_contradict_each_other_are_refused() {
        for (keys, amazon_only) in [(("k", ""), false), (("", "s"), false), (("k", "s"), true)] {
            assert!(found(keys, amazon_only, &[]).is_err(), "{keys:?}");
        }
        assert!(
            found(
                ("", ""),
                false,
                &[("AWS_SHARED_CREDENTIALS_FILE", "/no/where")]
            )
            .is_err()
        );
    }
}
