//! `nunatak admin` and `nunatak token`: for who owns the server's machine, straight in its database.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;
use clap::{Args, Subcommand};
use nunatak_domain::{Name, TokenScope};
use nunatak_store::identity::{NewApiToken, NewUser};

use crate::{
    runner, server,
    settings::{SettingFlags, Settings},
};

#[derive(Args, Debug)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    action: AdminAction,
}

#[derive(Subcommand, Debug)]
enum AdminAction {
    /// Makes an administrator. The password is read from NUNATAK_ADMIN_PASSWORD or the first line of stdin.
    Create {
        /// What the administrator signs in with.
        #[arg(long)]
        login: String,
        #[command(flatten)]
        flags: SettingFlags,
    },
}

pub(crate) async fn run(args: AdminArgs) -> anyhow::Result<()> {
    let AdminAction::Create { login, flags } = args.action;
    let store = server::open_store(&Settings::load(&flags)?).await?;
    anyhow::ensure!(store.user_by_login(&login).await?.is_none(), "there is an account `{login}` already");
    let new = NewUser { login, password: Some(password()?), is_admin: true, ..NewUser::default() };
    let user = store.ensure_local_user(new).await?;
    println!("made the administrator `{}` ({})", user.login, user.id);
    Ok(())
}

fn password() -> anyhow::Result<String> {
    if let Ok(password) = std::env::var("NUNATAK_ADMIN_PASSWORD") {
        return Ok(password);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Password (10 characters or more; it will show):");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).context("no password on stdin")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: TokenAction,
}

#[derive(Subcommand, Debug)]
enum TokenAction {
    /// Prints a new API token; it is shown this once.
    Create {
        /// For a runner of this installation (scope RUNNER).
        #[arg(long, conflicts_with = "login", required_unless_present = "login")]
        runner: bool,
        /// For this account (scope WRITE).
        #[arg(long)]
        login: Option<String>,
        /// What it is for; a token of the same name and account ends.
        #[arg(long, default_value = "made on the server")]
        name: String,
        #[command(flatten)]
        flags: SettingFlags,
    },
}

pub(crate) async fn token(args: TokenArgs) -> anyhow::Result<()> {
    let TokenAction::Create { runner, login, name, flags } = args.action;
    let store = server::open_store(&Settings::load(&flags)?).await?;
    let (user, scope) = match login {
        Some(login) if !runner => {
            let user = store.user_by_login(&login).await?;
            (user.with_context(|| format!("there is no account `{login}`"))?, TokenScope::Write)
        }
        _ => (runner::runner_user(&store).await?, TokenScope::Runner),
    };
    let new = NewApiToken { name: Name::parse(&name)?, scopes: vec![scope], expires_at: None, for_user: None };
    println!("{}", store.create_local_token(user.id, &new).await?);
    Ok(())
}
