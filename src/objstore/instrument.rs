//! The wrapper around every store: counts and times operations, takes secrets out of errors, and does to uploads what the
//! configuration asks for.
//!
//! An operation ends with the last byte of its answer, so the bodies of answers and the uploads in parts are wrapped too.
//! What has no counterpart in Thanos (copies) passes through uncounted.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

use super::metrics::{Metrics, Operation, Running};
use super::secret::Secrets;
use crate::clock;

/// Most bytes that `disable_multipart` holds in memory for one object: S3 takes no more in one request.
const WHOLE_BYTES_MAX: usize = 5 << 30;

/// A store with its surroundings.
#[derive(Debug, Clone)]
pub(super) struct Instrumented {
    /// The store.
    pub(super) inner: Arc<dyn ObjectStore>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// What is never said.
    pub(super) secrets: Secrets,
    /// What goes with every object.
    pub(super) attributes: Attributes,
    /// Whether objects go in one request, whatever their size.
    pub(super) whole_objects: bool,
}

impl fmt::Display for Instrumented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

impl Instrumented {
    fn end<T>(&self, running: Running, result: Result<T>) -> Result<T> {
        running
            .end(result)
            .map_err(|error| self.secrets.clean(error))
    }

    fn attributes(&self, own: Attributes) -> Attributes {
        let mut all = self.attributes.clone();
        for (key, value) in &own {
            all.insert(key.clone(), value.clone());
        }
        all
    }

    /// The items, and the end of the operation behind the last one.
    fn watch<T: Send + 'static>(
        &self,
        running: Running,
        items: BoxStream<'static, Result<T>>,
        size: fn(&T) -> u64,
    ) -> BoxStream<'static, Result<T>> {
        let secrets = self.secrets.clone();
        let state = (items, Some(running));
        let watched = futures::stream::unfold(state, move |(mut items, mut running)| {
            let secrets = secrets.clone();
            async move {
                let item = items.next().await;
                note(&mut running, item.as_ref(), size);
                let item = item?.map_err(|error| secrets.clean(error));
                Some((item, (items, running)))
            }
        });
        watched.boxed()
    }
}

/// Tells an operation what came; nothing and an error end it.
fn note<T>(running: &mut Option<Running>, item: Option<&Result<T>>, size: fn(&T) -> u64) {
    let Some(mut now) = running.take() else {
        return;
    };
    match item {
        None => now.succeed(),
        Some(Err(error)) => now.fail(error),
        Some(Ok(item)) => {
            now.moved(size(item));
            *running = Some(now);
        }
    }
}

#[async_trait]
impl ObjectStore for Instrumented {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        let mut running = self.metrics.begin(Operation::Upload);
        running.moved(payload.content_length() as u64);
        opts.attributes = self.attributes(opts.attributes);
        let result = self.inner.put_opts(location, payload, opts).await;
        self.end(running, result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        mut opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.whole_objects {
            return Ok(Box::new(Whole {
                store: self.clone(),
                location: location.clone(),
                parts: Vec::new(),
                len: 0,
            }));
        }
        let running = self.metrics.begin(Operation::Upload);
        opts.attributes = self.attributes(opts.attributes);
        match self.inner.put_multipart_opts(location, opts).await {
            Ok(inner) => Ok(Box::new(Parts {
                store: self.clone(),
                running: Some(running),
                inner,
            })),
            Err(error) => self.end(running, Err(error)),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = match (options.head, &options.range) {
            (true, _) => Operation::Exists,
            (false, Some(_)) => Operation::GetRange,
            (false, None) => Operation::Get,
        };
        let mut running = self.metrics.begin(operation);
        let is_head = options.head;
        let mut answer = match self.inner.get_opts(location, options).await {
            Ok(answer) => answer,
            Err(error) => return self.end(running, Err(error)),
        };
        answer.payload = match answer.payload {
            GetResultPayload::Stream(bytes) if !is_head => {
                GetResultPayload::Stream(self.watch(running, bytes, |bytes| bytes.len() as u64))
            }
            // A local file is read by whoever asked; a head has no bytes.
            payload => {
                if !is_head {
                    running.moved(answer.range.end - answer.range.start);
                }
                running.succeed();
                payload
            }
        };
        Ok(answer)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        // A store may delete in bulk: each object is counted when it is known to be gone, with the time of all.
        let begun = clock::instant();
        let deletions = self.inner.delete_stream(locations);
        deletions
            .map(move |deleted| {
                let running = this.metrics.begin_at(Operation::Delete, begun);
                this.end(running, deleted)
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let running = self.metrics.begin(Operation::Iter);
        self.watch(running, self.inner.list(prefix), |_| 0)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let running = self.metrics.begin(Operation::Iter);
        let result = self.inner.list_with_delimiter(prefix).await;
        self.end(running, result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let result = self.inner.copy_opts(from, to, options).await;
        result.map_err(|error| self.secrets.clean(error))
    }
}

/// An upload in parts, which is one operation.
#[derive(Debug)]
struct Parts {
    store: Instrumented,
    /// None once it ended.
    running: Option<Running>,
    inner: Box<dyn MultipartUpload>,
}

impl Parts {
    fn end<T>(&mut self, result: Result<T>) -> Result<T> {
        match self.running.take() {
            Some(running) => self.store.end(running, result),
            None => result.map_err(|error| self.store.secrets.clean(error)),
        }
    }
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if let Some(running) = &mut self.running {
            running.moved(data.content_length() as u64);
        }
        let secrets = self.store.secrets.clone();
        let part = self.inner.put_part(data);
        Box::pin(async move { part.await.map_err(|error| secrets.clean(error)) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await;
        self.end(result)
    }

    async fn abort(&mut self) -> Result<()> {
        // Somebody had a reason to give up.
        let reason = Error::Generic {
            store: "upload",
            source: "given up".into(),
        };
        drop(self.end::<()>(Err(reason)));
        self.inner
            .abort()
            .await
            .map_err(|error| self.store.secrets.clean(error))
    }
}

/// An upload whose parts are held back and sent as one object.
#[derive(Debug)]
struct Whole {
    store: Instrumented,
    location: Path,
    parts: Vec<bytes::Bytes>,
    len: usize,
}

#[async_trait]
impl MultipartUpload for Whole {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.len += data.content_length();
        if self.len > WHOLE_BYTES_MAX {
            let text =
                format!("with disable_multipart an object has at most {WHOLE_BYTES_MAX} bytes");
            let error = Error::Generic {
                store: "upload",
                source: text.into(),
            };
            return Box::pin(std::future::ready(Err(error)));
        }
        self.parts.extend(data);
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let payload = PutPayload::from_iter(std::mem::take(&mut self.parts));
        self.store
            .put_opts(&self.location, payload, PutOptions::default())
            .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
