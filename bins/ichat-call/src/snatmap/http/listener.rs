//! Connections: taken, read with a deadline, answered, closed.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::request::{MAX_HEAD, head_len, too_long};
use super::{Method, Request, Response, Status};

/// Connections of a listener that may be open; one more closes the oldest.
const MAX_CONNECTIONS: usize = 128;

/// How long a head may take to come.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take to go.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long, and for how many octets, what comes after the head is read and thrown away: a system
/// that closes a connection with octets unread may take its own answer back (RFC 9112 §9.6).
const LINGER_PATIENCE: Duration = Duration::from_secs(2);
const MAX_LINGER: usize = 64 * 1024;

/// How long to wait when the system gives no connection: it may be out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is behind the paths.
pub(crate) trait Site: Send + Sync + 'static {
    /// Answers a request from `remote` that came to the address `local`.
    fn answer(&self, request: &Request<'_>, local: SocketAddr, remote: SocketAddr) -> Response;

    /// Takes note of an answer; `None` where there was no request to be understood.
    fn note(&self, request: Option<&Request<'_>>, status: Status);
}

/// Serves a site for ever.
pub(crate) async fn serve<S: Site>(listener: TcpListener, site: Arc<S>) {
    let mut tasks = JoinSet::new();
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "no connection");
                if !is_of_one_connection(&error) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        open.retain(|task| !task.is_finished());
        if open.len() >= MAX_CONNECTIONS {
            tracing::debug!("a connection too many: the oldest is closed");
            if let Some(oldest) = open.pop_front() {
                oldest.abort();
            }
        }
        let site = Arc::clone(&site);
        open.push_back(tasks.spawn(async move {
            if let Err(error) = converse(stream, remote, &*site).await {
                tracing::debug!(%remote, %error, "a connection ended early");
            }
        }));
    }
}

/// Whether it is over with the connection that it came from.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// One request and its answer.
async fn converse<S: Site>(mut stream: TcpStream, remote: SocketAddr, site: &S) -> io::Result<()> {
    let local = stream.local_addr()?;
    let mut octets = Vec::new();
    let read = read_head(&mut stream, &mut octets);
    let head = match tokio::time::timeout(HEAD_PATIENCE, read).await {
        Ok(Ok(Some(len))) => Ok(octets.get(..len).unwrap_or_default()),
        // Nobody asked anything.
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(HeadError::Io(error))) => return Err(error),
        Ok(Err(HeadError::Status(status))) => Err(status),
        Err(_) if octets.is_empty() => return Ok(()),
        Err(_) => Err(Status::RequestTimeout),
    };
    let request = head.and_then(Request::parse);
    let response = match &request {
        Ok(request) => site.answer(request, local, remote),
        Err(status) => Response::bare(*status),
    };
    site.note(request.as_ref().ok(), response.status);
    tracing::debug!(
        %remote,
        head = %String::from_utf8_lossy(&octets).escape_debug(),
        status = response.status.code(),
        "request"
    );
    let only_head = request.is_ok_and(|request| request.method == Method::Head);
    let answer = response.encode(SystemTime::now(), only_head);
    tokio::time::timeout(WRITE_PATIENCE, async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    })
    .await??;
    // Whatever happens now, the answer is out.
    if tokio::time::timeout(LINGER_PATIENCE, linger(&mut stream))
        .await
        .is_err()
    {
        tracing::trace!(%remote, "did not close in time");
    }
    Ok(())
}

/// Why there is no head.
enum HeadError {
    Io(io::Error),
    Status(Status),
}

impl From<io::Error> for HeadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads until the end of a head and gives its length; `None` where nothing came at all.
async fn read_head(
    stream: &mut TcpStream,
    octets: &mut Vec<u8>,
) -> Result<Option<usize>, HeadError> {
    let mut chunk = [0; 1024];
    loop {
        let len = stream.read(&mut chunk).await?;
        if len == 0 {
            if octets.is_empty() {
                return Ok(None);
            }
            return Err(HeadError::Status(Status::BadRequest));
        }
        octets.extend_from_slice(chunk.get(..len).unwrap_or_default());
        match head_len(octets) {
            Some(len) if len <= MAX_HEAD => return Ok(Some(len)),
            None if octets.len() < MAX_HEAD => {}
            Some(_) | None => return Err(HeadError::Status(too_long(octets))),
        }
    }
}

async fn linger(stream: &mut TcpStream) {
    let mut chunk = [0; 1024];
    let mut left = MAX_LINGER;
    while left > 0 {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(len) => left = left.saturating_sub(len),
        }
    }
}
