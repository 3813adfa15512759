//! What a key may do: a set of scopes, and the one table of what each grants.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// One thing that an API key may be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Every read: profiles, lists, tools, the stream, feeds.
    Read,
    /// Feeds only, for firewalls.
    FeedRead,
    /// The live stream only.
    Stream,
    /// The tools only: bulk check, comparison, domains.
    Tools,
    /// The whitelist: to see it and to change it.
    AllowWrite,
    /// Rules of an organisation: to see them and to change them, and its feeds.
    RulesWrite,
    /// Keys: to make and to revoke them.
    KeysAdmin,
    /// The audit log.
    AuditRead,
}

/// What an endpoint asks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// To see profiles, scores, history and status.
    Read,
    /// To use the tools, which ask about many networks or about others'
    /// systems.
    Tools,
    /// To listen to the live stream.
    Stream,
    /// To fetch a feed that is not open.
    Feed,
    /// To see the rules of an organisation.
    Rules,
    /// To change the rules of an organisation.
    WriteRules,
    /// To see the whitelist.
    Whitelist,
    /// To change what others see: the whitelist.
    Write,
    /// To make and revoke keys.
    Keys,
    /// To read the audit log.
    Audit,
}

impl Scope {
    /// Every scope with its name on the command line and in the store.
    pub const VALUES: [(Self, &'static str); 9] = [
        (Self::Admin, "admin"),
        (Self::Read, "read"),
        (Self::FeedRead, "feed:read"),
        (Self::Stream, "stream"),
        (Self::Tools, "tools"),
        (Self::AllowWrite, "allow:write"),
        (Self::RulesWrite, "rules:write"),
        (Self::KeysAdmin, "keys:admin"),
        (Self::AuditRead, "audit:read"),
    ];

    /// The name on the command line and in the store.
    pub fn as_str(self) -> &'static str {
        Self::VALUES[self as usize].1
    }

    /// Whether this scope alone gives the permission.
    pub fn grants(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Admin => true,
            Self::Read => matches!(
                permission,
                P::Read
                    | P::Tools
                    | P::Stream
                    | P::Feed
                    | P::Rules
                    | P::Whitelist
            ),
            Self::FeedRead => permission == P::Feed,
            Self::Stream => permission == P::Stream,
            Self::Tools => permission == P::Tools,
            Self::AllowWrite => matches!(permission, P::Whitelist | P::Write),
            Self::RulesWrite => {
                matches!(permission, P::Feed | P::Rules | P::WriteRules)
            }
            Self::KeysAdmin => permission == P::Keys,
            Self::AuditRead => permission == P::Audit,
        }
    }
}

impl Permission {
    /// The scopes that would do, each alone.
    pub fn granted_by(self) -> Scopes {
        Scope::VALUES
            .into_iter()
            .filter(|(scope, _)| scope.grants(self))
            .fold(Scopes(0), |all, (scope, _)| all.union(scope.into()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope ({names})", names = names())]
pub struct ScopeError(String);

fn names() -> String {
    Scope::VALUES.map(|(_, name)| name).join(", ")
}

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

/// The scopes of a key: one or more. As text they stand in the order of
/// [`Scope::VALUES`], each once, separated by commas.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// The scopes of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a scope is among them; `admin` does not contain the others, it
    /// only grants as much.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & Self::from(scope).0 != 0
    }

    /// Each of them, in the order of [`Scope::VALUES`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::VALUES
            .into_iter()
            .map(|(scope, _)| scope)
            .filter(move |&scope| self.contains(scope))
    }

    /// Whether any of them grants the permission.
    pub fn allow(self, permission: Permission) -> bool {
        self.iter().any(|scope| scope.grants(permission))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(1 << scope as u16)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.pad(&names.join(","))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Takes any order, repetitions, and blanks around commas. There is always
    /// a first piece, so the set is never empty.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        text.split(',').try_fold(Self(0), |all, name| {
            Ok(all.union(name.trim().parse::<Scope>()?.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_back_and_the_error_lists_them_all() {
        for (scope, name) in Scope::VALUES {
            assert_eq!(name.parse(), Ok(scope));
            assert_eq!(name.parse(), Ok(Scopes::from(scope)));
            assert_eq!(scope.to_string(), name);
        }
        let error = "root".parse::<Scopes>().unwrap_err().to_string();
        for (_, name) in Scope::VALUES {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_set_is_written_in_one_form_and_reads_back() {
        let set: Scopes = "tools, read,stream ,read".parse().unwrap();
        assert_eq!(set.to_string(), "read,stream,tools");
        assert_eq!(set.to_string().parse(), Ok(set));
        assert_eq!(
            serde_json::to_string(&set).unwrap(),
            r#"["read","stream","tools"]"#
        );
        assert!(set.contains(Scope::Tools) && !set.contains(Scope::Admin));
    }

    #[test]
    fn no_text_is_an_empty_set() {
        for text in ["", " ", ",", "read,", ",read", "read,,tools", "READ"] {
            assert!(text.parse::<Scopes>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_scope_grants_exactly_this() {
        use Permission as P;
        let all = [
            P::Read,
            P::Tools,
            P::Stream,
            P::Feed,
            P::Rules,
            P::WriteRules,
            P::Whitelist,
            P::Write,
            P::Keys,
            P::Audit,
        ];
        let reads =
            [P::Read, P::Tools, P::Stream, P::Feed, P::Rules, P::Whitelist];
        for (scope, expected) in [
            (Scope::Admin, &all[..]),
            (Scope::Read, &reads),
            (Scope::FeedRead, &[P::Feed]),
            (Scope::Stream, &[P::Stream]),
            (Scope::Tools, &[P::Tools]),
            (Scope::AllowWrite, &[P::Whitelist, P::Write]),
            (Scope::RulesWrite, &[P::Feed, P::Rules, P::WriteRules]),
            (Scope::KeysAdmin, &[P::Keys]),
            (Scope::AuditRead, &[P::Audit]),
        ] {
            for permission in all {
                let granted = Scopes::from(scope).allow(permission);
                let wanted = expected.contains(&permission);
                assert_eq!(granted, wanted, "{scope} {permission:?}");
                let named = permission.granted_by().contains(scope);
                assert_eq!(named, wanted, "{scope} {permission:?}");
            }
        }
    }

    #[test]
    fn a_set_allows_what_any_of_its_scopes_grants() {
        let set: Scopes = "feed:read,allow:write".parse().unwrap();
        assert!(set.allow(Permission::Feed) && set.allow(Permission::Write));
        assert!(!set.allow(Permission::Read));
    }
}
