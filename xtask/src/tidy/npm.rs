//! Lockfiles of npm name packages and hashes, never addresses.
//!
//! Promises: no `package-lock.json` holds a `resolved` address, so that an install works through
//! whatever registry or mirror the machine uses; and each has an `.npmrc` beside it that keeps it
//! so.

use super::{Broken, File, House, Rule};

/// The setting that keeps addresses out.
const SETTING: &str = "omit-lockfile-registry-resolved=true";

/// No addresses in lockfiles.
pub const RULE: Rule = Rule {
    name: "lockfiles",
    about: "npm lockfiles hold no addresses",
    check,
};

fn check(file: &File<'_>, house: &House) -> Vec<Broken> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", file.path));
    let mut broken = Vec::new();
    if name == ".npmrc" && !file.text.lines().any(|line| line.trim() == SETTING) {
        broken.push(Broken::at(1, format!("this file says `{SETTING}`")));
    }
    if name == "package-lock.json" {
        let setting = if folder.is_empty() {
            ".npmrc".to_owned()
        } else {
            format!("{folder}/.npmrc")
        };
        if !house.paths.contains(&setting) {
            broken.push(Broken::at(
                1,
                format!("beside this file stands an .npmrc with `{SETTING}`"),
            ));
        }
        let addresses = file.text.lines().enumerate().filter(|(_, line)| {
            line.trim_start()
                .strip_prefix("\"resolved\":")
                .is_some_and(|value| value.contains("://"))
        });
        broken.extend(addresses.map(|(at, _)| {
            Broken::at(
                at + 1,
                format!("an address; install again with `{SETTING}`"),
            )
        }));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::House;
    use super::super::tests::{lines, lines_in};
    use super::{RULE, SETTING};

    fn house() -> House {
        House {
            paths: ["tests/x/.npmrc".to_owned()].into(),
            ..House::default()
        }
    }

    #[test]
    fn an_address_in_a_lockfile_is_found() {
        let text = "{\n  \"resolved\": \"https://registry.example/a.tgz\",\n  \"integrity\": \"sha512-x\"\n}";
        assert_eq!(
            lines_in(&house(), &RULE, "tests/x/package-lock.json", text),
            [2]
        );
    }

    #[test]
    fn a_missing_setting_is_found() {
        assert_eq!(lines(&RULE, "tests/x/package-lock.json", "{}"), [1]);
        assert_eq!(lines(&RULE, "tests/x/.npmrc", "fund=false"), [1]);
    }

    #[test]
    fn hashes_and_links_pass() {
        let text = "{\n  \"resolved\": \"../other\",\n  \"integrity\": \"sha512-x\"\n}";
        assert_eq!(
            lines_in(&house(), &RULE, "tests/x/package-lock.json", text),
            [0; 0]
        );
        assert_eq!(
            lines(&RULE, "tests/x/.npmrc", &format!("fund=false\n{SETTING}\n")),
            [0; 0]
        );
    }
}
