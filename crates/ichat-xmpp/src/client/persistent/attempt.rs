//! One try to sign in: for the session of before, or for a new one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use minidom::Element;
use xmpp_parsers::jid::FullJid;

use crate::client::bind::{Binding, Resumption};
use crate::client::config::{ConnectConfig, Timing};
use crate::client::connection::Login;
use crate::client::error::{ConnectError, Stage};
use crate::client::log_in;
use crate::client::server::Server;
use crate::client::sm::Management;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// The resource; without one the server chooses.
    pub(super) resource: Option<String>,
    /// The session of before: `<resume/>`.
    pub(super) resume: Option<Element>,
    /// Whether we have had that resource already.
    pub(super) again: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) server: Server,
    pub(super) login: Login,
    /// What came before anything was counted.
    pub(super) waiting: VecDeque<Element>,
    pub(super) session: Begun,
}

/// Which session it is.
#[derive(Debug)]
pub(super) enum Begun {
    /// That of before: `<resumed/>`.
    Resumed(Element),
    /// Another.
    New {
        jid: FullJid,
        management: Option<Management>,
        /// What the server says about that of before: `<failed/>`.
        failed: Option<Element>,
    },
}

/// A try that runs.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Online, ConnectError>> + Send>>;

/// A way to try.
pub(super) type SignIn = Box<dyn Fn(Wish) -> Attempt + Send + Sync>;

/// The way through the network.
pub(super) fn by_network(config: ConnectConfig, timing: Timing) -> SignIn {
    let config = Arc::new(config);
    Box::new(move |wish| Box::pin(sign_in(config.clone(), timing, wish)))
}

async fn sign_in(
    config: Arc<ConnectConfig>,
    timing: Timing,
    wish: Wish,
) -> Result<Online, ConnectError> {
    let (mut binding, deadline) = log_in(&config, timing, &mut |_| {}).await?;
    let session = deadline
        .run(Stage::Binding, begin(&mut binding, &wish))
        .await??;
    let (server, login, waiting) = binding.finish();
    Ok(Online {
        server,
        login,
        waiting,
        session,
    })
}

async fn begin(binding: &mut Binding, wish: &Wish) -> Result<Begun, ConnectError> {
    let mut failed = None;
    if let Some(resume) = &wish.resume {
        match binding.resume(resume).await? {
            Some(Resumption::Resumed(resumed)) => return Ok(Begun::Resumed(resumed)),
            Some(Resumption::Failed(answer)) => failed = Some(answer),
            None => {}
        }
    }
    let jid = match binding.bind(wish.resource.as_deref()).await {
        // Whoever has it is most likely we ourselves, on the stream that we lost and the server did
        // not. So nobody is thrown out, and we take another.
        Err(ConnectError::Bind { condition }) if wish.again && condition == "conflict" => {
            binding.bind(None).await?
        }
        bound => bound?,
    };
    let management = binding.manage().await?;
    Ok(Begun::New {
        jid,
        management,
        failed,
    })
}
