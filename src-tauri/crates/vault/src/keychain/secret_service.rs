//! Linux: the Secret Service on the session's D-Bus.

use std::error::Error;
use std::io;
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;
pub(super) use zbus_secret_service_keyring_store::Store;

use super::{Availability, KeychainError};

const SECRET_SERVICE: &str = "org.freedesktop.secrets";
/// How long the bus itself may take to answer; it is a local daemon that asks nobody.
const BUS_LIMIT: Duration = Duration::from_secs(10);

/// There is a keychain when the session has a bus and, on it, a Secret Service runs or can be
/// started. Whether it is locked is another question. A bus without one may be that of a session
/// that has only begun.
pub(super) fn availability() -> Result<Availability, KeychainError> {
    let connected = Builder::session().and_then(|bus| bus.method_timeout(BUS_LIMIT).build());
    let bus = match connected {
        Ok(bus) => bus,
        Err(error) if no_bus(&error) => return Ok(Availability::Absent),
        Err(error) => {
            return Err(KeychainError::Failed {
                reason: error.to_string(),
            });
        }
    };
    is_offered(&bus).map_err(|error| KeychainError::Failed {
        reason: error.to_string(),
    })
}

fn is_offered(bus: &zbus::blocking::Connection) -> zbus::Result<Availability> {
    let daemon = DBusProxy::new(bus)?;
    let runs = daemon.name_has_owner(SECRET_SERVICE.try_into()?)?;
    let offered = runs
        || daemon
            .list_activatable_names()?
            .iter()
            .any(|name| name.as_str() == SECRET_SERVICE);
    Ok(if offered {
        Availability::Available
    } else {
        Availability::Awaited
    })
}

/// Whether nobody listens where the session's bus should be, or no place for it is known.
fn no_bus(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::Address(_) => true,
        zbus::Error::InputOutput(error) | zbus::Error::Connection(error, _) => matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory
        ),
        _ => false,
    }
}

/// What an error of the Secret Service means, when it is one we can say more about.
pub(super) fn meaning(error: &(dyn Error + 'static)) -> Option<KeychainError> {
    use secret_service::Error as Service;
    let error = error.downcast_ref::<Service>()?;
    Some(match error {
        Service::Locked | Service::Prompt | Service::PromptDisconnected => KeychainError::Refused,
        Service::NoResult => KeychainError::NoDefaultCollection,
        Service::Unavailable => KeychainError::Gone,
        Service::Zbus(zbus::Error::MethodError(name, ..)) => match name.as_str() {
            "org.freedesktop.Secret.Error.IsLocked"
            | "org.freedesktop.DBus.Error.AccessDenied"
            | "org.freedesktop.DBus.Error.AuthFailed" => KeychainError::Refused,
            // The bus says whom it could not start and why; nothing secret.
            other => KeychainError::Failed {
                reason: format!("it answered {other}"),
            },
        },
        other => KeychainError::Failed {
            reason: other.to_string(),
        },
    })
}
