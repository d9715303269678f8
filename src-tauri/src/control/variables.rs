//! Which variables decide what a program runs, and so are shown with their values: pure.
//!
//! A program's name says little when its variables say where it is looked up, what is loaded into it,
//! or what it runs first. The list is of what loaders, shells and the usual runtimes read. It cannot
//! be whole: every program may read variables of its own, whose values may be secrets and are not
//! shown.

/// What the loader reads begins like this, whatever it ends with.
const LOADER: [&str; 2] = ["LD_", "DYLD_"];

/// Variables that begin like this, unless they end like a secret.
const PREFIXES: [&str; 12] = [
    "PYTHON",
    "PERL5",
    "RUBY",
    "GIT_",
    "BASH_",
    "CORECLR_",
    "COR_",
    "LUA_",
    "UV_PYTHON",
    "MALLOC_",
    "PHP_INI",
    "GLIBC_",
];

/// Variables of exactly this name.
const NAMES: [&str; 60] = [
    "PATH",
    "PATHEXT",
    "COMSPEC",
    "SHELL",
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "TMPDIR",
    "ENV",
    "IFS",
    "PS4",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "BASHOPTS",
    "ZDOTDIR",
    "CDPATH",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "BROWSER",
    "GCONV_PATH",
    "LOCPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "ELECTRON_RUN_AS_NODE",
    "NPM_CONFIG_REGISTRY",
    "NPM_CONFIG_PREFIX",
    "NPM_CONFIG_CACHE",
    "NPM_CONFIG_USERCONFIG",
    "NPM_CONFIG_GLOBALCONFIG",
    "NPM_CONFIG_SCRIPT_SHELL",
    "NPM_CONFIG_NODE_OPTIONS",
    "BUN_OPTIONS",
    "BUN_INSTALL",
    "DENO_DIR",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_CONFIG_FILE",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_CONFIG_FILE",
    "VIRTUAL_ENV",
    "PERLLIB",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_GEMFILE",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "DOTNET_STARTUP_HOOKS",
    "DOCKER_HOST",
    "OPENSSL_CONF",
    "PHPRC",
];

/// How variables are called that hold a secret, also among those that begin as above: git itself
/// reads none of these.
const SECRET_ENDS: [&str; 4] = ["TOKEN", "PASSWORD", "SECRET", "_PAT"];

/// Whether the variable of this name decides what runs. Case makes no difference: it makes none on
/// Windows, and npm reads its own in both.
pub(super) fn decides_what_runs(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let secret = SECRET_ENDS.iter().any(|end| name.ends_with(end));
    begins(&LOADER) || NAMES.contains(&name.as_str()) || begins(&PREFIXES) && !secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_shells_and_runtimes_are_known_and_secrets_are_not_shown() {
        for name in [
            "PATH",
            "Path",
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_TOKEN",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PERL5OPT",
            "RUBYOPT",
            "BASH_ENV",
            "ENV",
            "BASH_FUNC_ls%%",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_KEY_0",
            "GIT_EXEC_PATH",
            "npm_config_registry",
            "JAVA_TOOL_OPTIONS",
        ] {
            assert!(decides_what_runs(name), "{name}");
        }
        for name in [
            "API_TOKEN",
            "NOTION_TOKEN",
            "GIT_TOKEN",
            "GIT_PASSWORD",
            "GIT_PAT",
            "GITHUB_TOKEN",
            "NODE_AUTH_TOKEN",
            "MY_PATH",
            "ENVIRONMENT",
            "LDAP_PASSWORD",
            "",
        ] {
            assert!(!decides_what_runs(name), "{name}");
        }
    }
}
