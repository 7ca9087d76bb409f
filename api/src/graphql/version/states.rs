use async_graphql::Enum;

/// Who may see a version.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::Visibility")]
pub enum Visibility {
    /// All members of its project.
    Public,
    /// Its author, and the project's maintainers and owners.
    Private,
}

/// How far a version is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::VersionStatus")]
pub enum VersionStatus {
    /// Its file is not stored yet.
    Pending,
    /// It is complete.
    Ready,
}
