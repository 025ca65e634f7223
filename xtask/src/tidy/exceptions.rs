//! Where a rule does not hold, and why.
//!
//! Promises: an exception covers one rule in one file, carries its reason, and is itself a finding
//! once nothing in that file needs it. Leaves out: exceptions written beside the code, which nobody
//! would ever see together.

use super::Finding;

/// The rule's name under which findings about exceptions run.
pub const NAME: &str = "exceptions";

/// Where this list lives.
const HERE: &str = "xtask/src/tidy/exceptions.rs";

/// A file that may break a rule.
pub struct Exception {
    /// The rule's name.
    pub rule: &'static str,
    /// The file.
    pub path: &'static str,
    /// Why the rule does not hold there.
    pub reason: &'static str,
}

/// Every exception.
pub const ALL: &[Exception] = &[Exception {
    rule: "sleeping",
    path: "client/web/test/lifecycle.test.mjs",
    reason: "shows that nothing happens any more: longer than the attempt it would have been",
}];

/// Removes what is excepted and adds what is excepted in vain.
pub fn apply(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let covers = |exception: &Exception, finding: &Finding| {
        exception.rule == finding.rule && exception.path == finding.path
    };
    let stale: Vec<Finding> = exceptions
        .iter()
        .filter(|exception| !findings.iter().any(|finding| covers(exception, finding)))
        .map(|exception| Finding {
            path: HERE.to_owned(),
            line: 1,
            rule: NAME,
            message: format!(
                "{} no longer breaks `{}`: remove the exception",
                exception.path, exception.rule
            ),
        })
        .collect();
    let mut kept = findings;
    kept.retain(|finding| {
        !exceptions
            .iter()
            .any(|exception| covers(exception, finding))
    });
    kept.extend(stale);
    kept
}

#[cfg(test)]
mod tests {
    use super::{Exception, Finding, NAME, apply};

    fn finding(rule: &'static str, path: &str) -> Finding {
        Finding {
            path: path.to_owned(),
            line: 3,
            rule,
            message: String::new(),
        }
    }

    #[test]
    fn an_exception_covers_one_rule_in_one_file() {
        let exceptions = [Exception {
            rule: "clock",
            path: "a.rs",
            reason: "measures",
        }];
        let findings = vec![
            finding("clock", "a.rs"),
            finding("clock", "b.rs"),
            finding("length", "a.rs"),
        ];
        assert_eq!(
            apply(findings, &exceptions),
            [finding("clock", "b.rs"), finding("length", "a.rs")]
        );
    }

    #[test]
    fn an_exception_in_vain_is_a_finding() {
        let exceptions = [Exception {
            rule: "clock",
            path: "a.rs",
            reason: "measures",
        }];
        let left = apply(Vec::new(), &exceptions);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].rule, NAME);
    }
}
