//! Closed sets of states, with the small numbers under which the database keeps them.

/// An enum whose variants have fixed numbers in the database. The numbers are frozen: never reuse one.
macro_rules! stored_enum {
    ($(#[$doc:meta])* $name:ident: i16 { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        #[repr(i16)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn number(self) -> i16 { self as i16 }

            /// `None` for a number that this program does not know: written by a newer one.
            #[must_use]
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use stored_enum;

stored_enum! {
    /// Who may see a version: all members of its project, or its author and the project's maintainers.
    Visibility: i16 { Public = 0, Private = 1, }
}
stored_enum! {
    /// A version is READY once its artefact is stored; a version without a file is READY at once.
    VersionStatus: i16 { Pending = 0, Ready = 1, }
}
stored_enum! {
    JobKind: i16 { Train = 0, Predict = 1, Evaluate = 2, }
}
stored_enum! {
    JobStatus: i16 { Queued = 0, Running = 1, Succeeded = 2, Failed = 3, Cancelled = 4, }
}
stored_enum! {
    /// How much a line of a job's log matters.
    LogLevel: i16 { Debug = 0, Info = 1, Warn = 2, Error = 3, }
}
stored_enum! {
    UploadStatus: i16 { Pending = 0, Completed = 1, Aborted = 2, }
}
stored_enum! {
    /// What rows a detector takes: any table, or one ordered by time.
    InputKind: i16 { Tabular = 0, Series = 1, }
}
stored_enum! {
    /// Which dictionary a key belongs to. That of tags has the names of all projects' tags.
    KeyKind: i16 { Hyperparameter = 0, Parameter = 1, Metric = 2, Tag = 3, }
}
stored_enum! {
    /// Which end of a metric is good; BEST follows it.
    Direction: i16 { Maximize = 0, Minimize = 1, }
}
stored_enum! {
    /// What a token may be used for.
    TokenScope: i16 { Read = 0, Write = 1, Runner = 2, }
}

impl JobStatus {
    /// Nothing moves a job out of these.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}
