use async_graphql::{InputObject, Object, SimpleObject};
use nunatak_domain::VersionId;
use nunatak_store::versions::{Artifact as StoredArtifact, Git as StoredGit};

use super::super::scalars::{Int64, Sha256};

/// A remote of the working copy.
#[derive(SimpleObject, Debug, Clone)]
pub struct GitRemote {
    /// `origin`
    name: String,
    /// Where it is; without credentials.
    url: String,
}

/// The state of the working copy that the version was made from.
#[derive(Debug, Clone)]
pub struct Git(pub StoredGit);

/// The state of the working copy that the version was made from.
#[Object]
impl Git {
    /// The branch that was checked out.
    async fn branch(&self) -> Option<&str> {
        self.0.branch.as_deref()
    }

    /// The commit's hash.
    async fn commit(&self) -> Option<&str> {
        self.0.commit.as_deref()
    }

    /// Whether files differed from the commit.
    async fn dirty(&self) -> Option<bool> {
        self.0.dirty
    }

    /// The remotes.
    async fn remotes(&self) -> Vec<GitRemote> {
        let remote = |(name, url): &(String, String)| GitRemote { name: name.clone(), url: without_credentials(url) };
        self.0.remotes.iter().map(remote).collect()
    }

    /// The commit's page at `origin` (or the first remote), if that is a web address or `git@host:path`.
    async fn commit_url(&self) -> Option<String> {
        let remotes = &self.0.remotes;
        let (_, url) = remotes.iter().find(|(name, _)| name == "origin").or_else(|| remotes.first())?;
        commit_url(url, self.0.commit.as_deref()?)
    }
}

fn commit_url(url: &str, commit: &str) -> Option<String> {
    if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let place = match url.strip_prefix("git@") {
        Some(rest) => format!("https://{}", rest.replacen(':', "/", 1)),
        None if url.starts_with("https://") || url.starts_with("http://") => without_credentials(url),
        None => return None,
    };
    let place = place.trim_end_matches('/').trim_end_matches(".git");
    Some(format!("{place}/commit/{commit}"))
}

/// `https://user:token@host/path` without what is before the `@`.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "ssh") else {
        return url.to_owned();
    };
    let host = rest.find('/').unwrap_or(rest.len());
    let start = rest[..host].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[start..])
}

/// A remote of the working copy.
#[derive(InputObject, Debug, Clone)]
pub struct GitRemoteInput {
    /// `origin`
    name: String,
    /// Where it is; credentials in it are not kept.
    url: String,
}

/// The state of the working copy that the version was made from.
#[derive(InputObject, Debug, Clone)]
pub struct GitInput {
    /// The branch that is checked out.
    branch: Option<String>,
    /// The commit's hash.
    commit: Option<String>,
    /// Whether files differ from the commit.
    dirty: Option<bool>,
    /// The remotes.
    #[graphql(default)]
    remotes: Vec<GitRemoteInput>,
}

impl From<GitInput> for StoredGit {
    fn from(input: GitInput) -> Self {
        let remote = |remote: GitRemoteInput| (remote.name, without_credentials(&remote.url));
        Self {
            branch: input.branch,
            commit: input.commit,
            dirty: input.dirty,
            remotes: input.remotes.into_iter().map(remote).collect(),
        }
    }
}

/// The trained model's file.
#[derive(SimpleObject, Debug, Clone)]
pub struct Artifact {
    /// Where to download it, with ranges and `ETag`; permanent.
    url: String,
    /// Checksum of the whole file.
    sha256: Sha256,
    /// Bytes.
    size: Int64,
    /// `nunatak.artifact/1` for what the runners write, else what was said when it was logged, `onnx`…
    format: String,
    /// The name that it was uploaded with.
    file_name: String,
}

impl Artifact {
    pub(super) fn of(version: VersionId, artifact: &StoredArtifact) -> Self {
        Self {
            url: format!("/models/{version}/artifact"),
            sha256: Sha256(artifact.sha256.clone()),
            size: Int64(artifact.size),
            format: artifact.format.clone(),
            file_name: artifact.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_a_page() {
        let page = Some("https://git.example/team/pumps/commit/abc123".to_owned());
        for url in [
            "git@git.example:team/pumps.git",
            "https://git.example/team/pumps.git",
            "https://bot:secret@git.example/team/pumps/",
        ] {
            assert_eq!(commit_url(url, "abc123"), page, "{url}");
        }
        assert_eq!(commit_url("javascript:alert(1)", "abc123"), None);
        assert_eq!(commit_url("https://git.example/team/pumps", "../../x"), None);
    }
}
