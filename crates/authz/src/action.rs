use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident $word:literal;)*) => {
        /// Something that may be allowed or not, named `resource:verb` in the policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

actions! {
    ReadUsers "user:read";
    WriteUsers "user:write";
    WriteTokens "token:write";
    CreateWorkspace "workspace:create";
    UpdateWorkspace "workspace:update";
    DeleteWorkspace "workspace:delete";
    CreateProject "project:create";
    ReadProject "project:read";
    UpdateProject "project:update";
    DeleteProject "project:delete";
    ReadMembers "member:read";
    WriteMembers "member:write";
    CreateUpload "upload:create";
    Download "file:download";
    ReadDatasets "dataset:read";
    WriteDatasets "dataset:write";
    DeleteDatasets "dataset:delete";
    ReadVersions "version:read";
    /// Rows scored at once, of which nothing is kept.
    Score "version:score";
    /// Versions marked private by somebody else.
    ReadPrivateVersions "version:read-private";
    LogVersions "version:log";
    /// Description, tags, metrics noted afterwards.
    AnnotateVersions "version:annotate";
    /// Move or remove aliases.
    PromoteVersions "version:promote";
    DeleteVersions "version:delete";
    WriteModels "model:write";
    DeleteModels "model:delete";
    WriteTags "tag:write";
    ReadJobs "job:read";
    Train "job:train";
    Predict "job:predict";
    CancelJobs "job:cancel";
    /// Claim the project's jobs with a runner.
    ExecuteJobs "job:execute";
    /// Heartbeat, progress, complete, fail: with the job's own token only.
    ReportJob "job:report";
    RegisterRunner "runner:register";
    /// State an address that the server calls to have rows scored.
    OfferScoring "runner:offer-scoring";
    ReadPredictions "prediction:read";
    ReadAudit "audit:read";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
