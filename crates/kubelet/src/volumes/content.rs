//! Files made of objects, fields and tokens.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Secret,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use crate::container::{FieldContext, NodeSettings, ResourceFields, pod_field};
use crate::objects::Objects;
use crate::pod::PodToRun;

use super::ownership::common_user;
use super::token::{TokenWanted, Tokens};
use super::writer::{File, Files};

/// What files have that say nothing else.
const DEFAULT_MODE: i32 = 0o644;
/// What a token has that only one user or group is to read.
const TOKEN_MODE: i32 = 0o600;

/// A volume made of files, by its kind.
#[derive(Clone, Copy, Debug)]
pub enum ContentSource<'a> {
    ConfigMap(&'a Volume),
    Secret(&'a Volume),
    DownwardApi(&'a Volume),
    Projected(&'a ProjectedVolumeSource),
}

impl<'a> ContentSource<'a> {
    /// The kind of a volume, if it is made of files.
    pub fn of(volume: &'a Volume) -> Option<Self> {
        match volume {
            Volume {
                config_map: Some(_), ..
            } => Some(Self::ConfigMap(volume)),
            Volume { secret: Some(_), .. } => Some(Self::Secret(volume)),
            Volume {
                downward_api: Some(_),
                ..
            } => Some(Self::DownwardApi(volume)),
            Volume {
                projected: Some(projected),
                ..
            } => Some(Self::Projected(projected)),
            _ => None,
        }
    }

    /// What upstream calls its part.
    pub fn plugin(self) -> &'static str {
        match self {
            Self::ConfigMap(_) => "kubernetes.io/configmap",
            Self::Secret(_) => "kubernetes.io/secret",
            Self::DownwardApi(_) => "kubernetes.io/downward-api",
            Self::Projected(_) => "kubernetes.io/projected",
        }
    }

    /// Whether it must not get onto the disk.
    pub fn is_secret(self) -> bool {
        !matches!(self, Self::ConfigMap(_))
    }
}

/// Everything files are made of.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    pub pod: &'a PodToRun,
    pub node: &'a NodeSettings,
    pub objects: &'a dyn Objects,
    pub tokens: &'a Tokens,
}

impl Content<'_> {
    /// The files of a volume.
    pub async fn collect(self, source: ContentSource<'_>) -> Result<Files, String> {
        match source {
            ContentSource::ConfigMap(Volume {
                config_map: Some(map),
                ..
            }) => {
                let rules = Rules::new(&map.items, map.default_mode, map.optional);
                self.config_map(&map.name, rules).await
            }
            ContentSource::Secret(Volume {
                secret: Some(secret), ..
            }) => {
                let rules = Rules::new(&secret.items, secret.default_mode, secret.optional);
                let name = secret.secret_name.as_deref().unwrap_or_default();
                self.secret(name, rules).await
            }
            ContentSource::DownwardApi(Volume {
                downward_api: Some(api),
                ..
            }) => self.fields(api.items.as_deref().unwrap_or_default(), api.default_mode),
            ContentSource::Projected(projected) => self.projected(projected).await,
            ContentSource::ConfigMap(_) | ContentSource::Secret(_) | ContentSource::DownwardApi(_) => {
                Ok(Files::new())
            }
        }
    }

    async fn projected(self, projected: &ProjectedVolumeSource) -> Result<Files, String> {
        let mut files = Files::new();
        for source in projected.sources.iter().flatten() {
            files.extend(self.projection(source, projected.default_mode).await?);
        }
        Ok(files)
    }

    async fn projection(self, source: &VolumeProjection, mode: Option<i32>) -> Result<Files, String> {
        if let Some(map) = &source.config_map {
            return self
                .config_map(&map.name, Rules::new(&map.items, mode, map.optional))
                .await;
        }
        if let Some(secret) = &source.secret {
            let rules = Rules::new(&secret.items, mode, secret.optional);
            return self.secret(&secret.name, rules).await;
        }
        if let Some(api) = &source.downward_api {
            return self.fields(api.items.as_deref().unwrap_or_default(), mode);
        }
        if let Some(token) = &source.service_account_token {
            return self.token(token, mode).await;
        }
        if source.cluster_trust_bundle.is_some() {
            return Err("ClusterTrustBundle projections are not supported by this node".to_owned());
        }
        if source.pod_certificate.is_some() {
            return Err("PodCertificate projections are not supported by this node".to_owned());
        }
        Ok(Files::new())
    }

    async fn config_map(self, name: &str, rules: Rules<'_>) -> Result<Files, String> {
        match self.objects.config_map(self.pod.namespace(), name).await {
            Ok(map) => rules.select(data_of_map(&map), "configmap references non-existent config key"),
            Err(error) if error.is_not_found() && rules.optional => Ok(Files::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn secret(self, name: &str, rules: Rules<'_>) -> Result<Files, String> {
        match self.objects.secret(self.pod.namespace(), name).await {
            Ok(secret) => rules.select(data_of_secret(&secret), "references non-existent secret key"),
            Err(error) if error.is_not_found() && rules.optional => Ok(Files::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fields(self, items: &[DownwardAPIVolumeFile], default_mode: Option<i32>) -> Result<Files, String> {
        let mut files = Files::new();
        for item in items {
            let mode = item.mode.or(default_mode).unwrap_or(DEFAULT_MODE);
            files.insert(item.path.clone(), File::new(self.field(item)?, mode));
        }
        Ok(files)
    }

    fn field(self, item: &DownwardAPIVolumeFile) -> Result<String, String> {
        if let Some(field) = &item.field_ref {
            let context = FieldContext {
                node: self.node,
                pod_ips: &[],
            };
            return pod_field(self.pod, &field.field_path, context);
        }
        if let Some(selector) = &item.resource_field_ref {
            let fields = ResourceFields {
                pod: self.pod,
                node: self.node,
            };
            return fields.value(selector, "");
        }
        Err(format!("downward API file {:?} names no source", item.path))
    }

    async fn token(
        self,
        source: &ServiceAccountTokenProjection,
        default_mode: Option<i32>,
    ) -> Result<Files, String> {
        let wanted = TokenWanted::new(self.pod, source);
        let token = self.tokens.get(self.objects, wanted).await?;
        let context = self.pod.spec().security_context.as_ref();
        let has_group = context.is_some_and(|context| context.fs_group.is_some());
        let user = common_user(self.pod);
        let mode = match user.is_some() || has_group {
            true => TOKEN_MODE,
            false => default_mode.unwrap_or(DEFAULT_MODE),
        };
        let file = File {
            user: user.and_then(|user| u32::try_from(user).ok()),
            ..File::new(token, mode)
        };
        Ok(Files::from([(source.path.clone(), file)]))
    }
}

fn data_of_map(map: &ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let text = map.data.iter().flatten();
    let binary = map.binary_data.iter().flatten();
    text.map(|(key, value)| (key.clone(), value.clone().into_bytes()))
        .chain(binary.map(|(key, value)| (key.clone(), value.0.clone())))
        .collect()
}

fn data_of_secret(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.clone(), value.0.clone())).collect()
}

/// Which entries become files, and how.
struct Rules<'a> {
    items: &'a [KeyToPath],
    default_mode: i32,
    optional: bool,
}

impl<'a> Rules<'a> {
    fn new(items: &'a Option<Vec<KeyToPath>>, default_mode: Option<i32>, optional: Option<bool>) -> Self {
        Self {
            items: items.as_deref().unwrap_or_default(),
            default_mode: default_mode.unwrap_or(DEFAULT_MODE),
            optional: optional == Some(true),
        }
    }

    /// All entries under their own names, or those listed under the names given there.
    fn select(&self, data: BTreeMap<String, Vec<u8>>, missing: &str) -> Result<Files, String> {
        if self.items.is_empty() {
            let files = data.into_iter();
            return Ok(files
                .map(|(key, content)| (key, File::new(content, self.default_mode)))
                .collect());
        }
        let mut files = Files::new();
        for item in self.items {
            // One entry may become several files.
            match data.get(&item.key) {
                Some(content) => {
                    let file = File::new(content.clone(), item.mode.unwrap_or(self.default_mode));
                    files.insert(item.path.clone(), file);
                }
                None if self.optional => {}
                None => return Err(format!("{missing}: {}", item.key)),
            }
        }
        Ok(files)
    }
}
