use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::{Action, Permit};
use nunatak_domain::{Name, ProjectId, TagId};
use nunatak_store::{IdempotencyKey, StoreError, tags::TagChange};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
        version::{Version, version_permit},
    },
    Tag,
};

/// A tag to be made.
#[derive(InputObject, Debug)]
pub struct CreateTagInput {
    /// The project that it will belong to, `prj_…`.
    project: ID,
    /// 1 to 120 characters, unique in the project.
    name: String,
    /// What it means.
    #[graphql(default)]
    description: String,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `createTag` made.
    CreateTagPayload {
        /// The new tag.
        tag: Tag
    }
}

/// What to change in a tag; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateTagInput {
    /// `tag_…`
    id: ID,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
}

payload! {
    /// What `updateTag` changed.
    UpdateTagPayload {
        /// The tag as it is now.
        tag: Tag
    }
}

/// Which tag to delete.
#[derive(InputObject, Debug)]
pub struct DeleteTagInput {
    /// `tag_…`
    id: ID,
}

payload! {
    /// What `deleteTag` removed.
    DeleteTagPayload {
        /// The id of the tag that is gone.
        deleted_id: ID
    }
}

/// Tags for a version.
#[derive(InputObject, Debug)]
pub struct AttachTagsInput {
    /// `ver_…`
    version: ID,
    /// Names of tags. Those that the project does not know are made; a version has at most 20.
    tags: Vec<String>,
}

payload! {
    /// What `attachTags` put on.
    AttachTagsPayload {
        /// The version.
        version: Version
    }
}

/// Tags to take off a version.
#[derive(InputObject, Debug)]
pub struct DetachTagsInput {
    /// `ver_…`
    version: ID,
    /// Names of tags. Those that the version has not do no harm.
    tags: Vec<String>,
}

payload! {
    /// What `detachTags` took off.
    DetachTagsPayload {
        /// The version.
        version: Version
    }
}

#[derive(Default, Debug)]
pub struct TagMutation;

#[Object]
impl TagMutation {
    /// Makes a tag. Developers and above.
    async fn create_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tag to make.")] input: CreateTagInput,
    ) -> Result<CreateTagPayload, ApiError> {
        CreateTagPayload::of(
            async {
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &input)).transpose()?;
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::WriteTags, project).await?;
                let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
                Ok(ctx.store().create_tag(&permit, &name, &input.description, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Renames or describes a tag. Developers and above.
    async fn update_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateTagInput,
    ) -> Result<UpdateTagPayload, ApiError> {
        UpdateTagPayload::of(
            async {
                let (id, permit) = tag_permit(ctx, &input.id).await?;
                let name = input.name.as_deref().map(Name::parse).transpose().map_err(|problem| problem.at("name"))?;
                let change = TagChange { name, description: input.description };
                Ok(ctx.store().update_tag(&permit, id, change).await?.into())
            }
            .await,
        )
    }

    /// Takes a tag off all versions and away. Developers and above.
    async fn delete_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteTagInput,
    ) -> Result<DeleteTagPayload, ApiError> {
        DeleteTagPayload::of(
            async {
                let (id, permit) = tag_permit(ctx, &input.id).await?;
                ctx.store().delete_tag(&permit, id).await?;
                Ok(input.id)
            }
            .await,
        )
    }

    /// Puts tags on a version. Developers and above.
    async fn attach_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tags, on which version.")] input: AttachTagsInput,
    ) -> Result<AttachTagsPayload, ApiError> {
        AttachTagsPayload::of(
            async {
                let tags = parse_tags(&input.tags)?;
                let (id, permit) = version_permit(ctx, &input.version, "version", Action::AnnotateVersions).await?;
                Ok(ctx.store().attach_tags(&permit, id, &tags).await?.into())
            }
            .await,
        )
    }

    /// Takes tags off a version; the tags themselves stay. Developers and above.
    async fn detach_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tags, of which version.")] input: DetachTagsInput,
    ) -> Result<DetachTagsPayload, ApiError> {
        DetachTagsPayload::of(
            async {
                let tags = parse_tags(&input.tags)?;
                let (id, permit) = version_permit(ctx, &input.version, "version", Action::AnnotateVersions).await?;
                Ok(ctx.store().detach_tags(&permit, id, &tags).await?.into())
            }
            .await,
        )
    }
}

async fn tag_permit(ctx: &Context<'_>, id: &ID) -> Result<(TagId, Permit), StoreError> {
    let id: TagId = parse_id(id, "id")?;
    let (_, project) = ctx.store().tag(ctx.actor(), id).await?;
    Ok((id, ctx.store().project_permit(ctx.actor(), Action::WriteTags, project).await?))
}

/// Checks the names in the input field `tags`.
pub(crate) fn parse_tags(names: &[String]) -> Result<Vec<Name>, StoreError> {
    let parse = |(place, name): (usize, &String)| {
        Name::parse(name).map_err(|problem| problem.at(place.to_string()).at("tags").into())
    };
    names.iter().enumerate().map(parse).collect()
}
