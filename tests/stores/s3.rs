//! A store that speaks S3, with signatures checked: the protocol is `s3s`, the objects are in memory.

use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use futures::TryStreamExt as _;
use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

use super::objects::{Object, Objects, PAGE_KEYS, Shared};
use super::server::{Server, handler};

/// Name of the only bucket.
pub(crate) const BUCKET: &str = "metrics";
/// The only pair of keys.
pub(crate) const ACCESS_KEY: &str = "AKSTRATAL";
/// Its secret.
pub(crate) const SECRET_KEY: &str = "the-secret-of-the-test";

/// A running store.
pub(crate) struct S3Store {
    pub(crate) server: Server,
    pub(crate) objects: Shared,
}

impl S3Store {
    /// An empty bucket.
    pub(crate) async fn start() -> Self {
        let objects = Shared::default();
        let mut builder = S3ServiceBuilder::new(Memory(Arc::clone(&objects)));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let server = Server::start(handler(move |request: Request<Bytes>| {
            let service = service.clone();
            async move {
                let response = service.call(request.map(Body::from)).await;
                let response = response.unwrap_or_else(|_| {
                    let body = Body::from(Bytes::from_static(b"the protocol failed"));
                    Response::builder().status(500).body(body).unwrap()
                });
                let (parts, body) = response.into_parts();
                let bytes = body.collect().await.map(|body| body.to_bytes());
                Ok(Response::from_parts(parts, bytes.unwrap_or_default()))
            }
        }))
        .await;
        Self { server, objects }
    }

    /// The configuration that opens it, with further lines.
    pub(crate) fn yaml(&self, lines: &str) -> String {
        let address = self.server.address;
        format!(
            "type: S3\nconfig:\n  bucket: {BUCKET}\n  endpoint: {address}\n  insecure: true\n  access_key: {ACCESS_KEY}\n  secret_key: {SECRET_KEY}\n{lines}"
        )
    }
}

struct Memory(Shared);

impl Memory {
    fn bucket(&self, name: &str) -> S3Result<MutexGuard<'_, Objects>> {
        if name != BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        Ok(self.0.lock().unwrap())
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        let objects = self.bucket(bucket)?;
        objects
            .all
            .get(key)
            .cloned()
            .ok_or_else(|| s3_error!(NoSuchKey))
    }
}

fn tag(generation: u64) -> ETag {
    ETag::Strong(generation.to_string())
}

async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut bytes = Vec::new();
    if let Some(mut body) = body {
        while let Some(piece) = body
            .try_next()
            .await
            .map_err(|_error| s3_error!(IncompleteBody))?
        {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes.into())
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let bytes = collect(input.body).await?;
        let mut objects = self.bucket(&input.bucket)?;
        let must_be_new = input.if_none_match.is_some();
        let generation = objects.put(&input.key, bytes, must_be_new);
        let generation = generation.ok_or_else(|| s3_error!(PreconditionFailed))?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(tag(generation)),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.object(&input.bucket, &input.key)?;
        let len = object.bytes.len() as u64;
        let range = input.range.map(|range| range.check(len)).transpose()?;
        let content_range = range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{len}", range.start, range.end - 1));
        let bytes = match range {
            Some(range) => object.bytes.slice(range.start as usize..range.end as usize),
            None => object.bytes,
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            body: Some(StreamingBlob::from(Body::from(bytes))),
            content_range,
            e_tag: Some(tag(object.generation)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.object(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(object.bytes.len() as i64),
            e_tag: Some(tag(object.generation)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.bucket(&request.input.bucket)?
            .all
            .remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let after = input
            .continuation_token
            .or(input.start_after)
            .unwrap_or_default();
        let prefix = input.prefix.unwrap_or_default();
        let page = self
            .bucket(&input.bucket)?
            .page(&prefix, input.delimiter.as_deref(), &after);
        let object = |(key, object): (String, Object)| s3s::dto::Object {
            key: Some(key),
            size: Some(object.bytes.len() as i64),
            e_tag: Some(tag(object.generation)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        };
        let directory = |name| CommonPrefix { prefix: Some(name) };
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(prefix),
            max_keys: Some(PAGE_KEYS as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(page.objects.into_iter().map(object).collect()),
            common_prefixes: Some(page.directories.into_iter().map(directory).collect()),
            delimiter: input.delimiter,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let upload_id = self.bucket(&request.input.bucket)?.begin_upload();
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(upload_id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let bytes = collect(input.body).await?;
        let number = u32::try_from(input.part_number).map_err(|_error| s3_error!(InvalidPart))?;
        if !self
            .bucket(&input.bucket)?
            .put_part(&input.upload_id, number, bytes)
        {
            return Err(s3_error!(NoSuchUpload));
        }
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(tag(u64::from(number))),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let generation = self
            .bucket(&input.bucket)?
            .finish_upload(&input.upload_id, &input.key);
        let generation = generation.ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(tag(generation)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.bucket(&request.input.bucket)?
            .abort_upload(&request.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
