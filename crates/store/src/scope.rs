//! What a key may do: two scopes, one table.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The scope of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything: reads, and every write of the API.
    Admin,
    /// Reads only.
    Read,
}

/// What an endpoint asks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// To see profiles, scores, history and status.
    Read,
    /// To change what others see: the whitelist, keys.
    Write,
}

impl Scope {
    /// Every scope with its name on the command line and in the store.
    pub const VALUES: [(Self, &'static str); 2] =
        [(Self::Admin, "admin"), (Self::Read, "read")];

    /// The name on the command line and in the store.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// Whether a key of this scope has the permission; `admin` includes all.
    pub fn allows(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Read => permission == Permission::Read,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope (admin, read)")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::VALUES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|&(scope, _)| scope)
            .ok_or_else(|| ScopeError(text.chars().take(20).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_back_and_the_error_lists_them_all() {
        for (scope, name) in Scope::VALUES {
            assert_eq!(name.parse(), Ok(scope));
            assert_eq!(scope.to_string(), name);
        }
        let error = "root".parse::<Scope>().unwrap_err().to_string();
        for (_, name) in Scope::VALUES {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn admin_includes_read_and_read_never_writes() {
        assert!(Scope::Admin.allows(Permission::Read));
        assert!(Scope::Admin.allows(Permission::Write));
        assert!(Scope::Read.allows(Permission::Read));
        assert!(!Scope::Read.allows(Permission::Write));
    }
}
