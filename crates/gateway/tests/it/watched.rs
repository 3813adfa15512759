//! Files that are watched: what a reload would read, and what the last one that
//! was refused would have read.

use std::{fs, path::PathBuf};

use crate::{
    backend::Backend,
    stage::{Stage, status, yaml},
};

/// A gateway with files beside its configuration.
struct Scene {
    stage: Stage,
    backend: Backend,
}

impl Scene {
    async fn of(rest: &str) -> Self {
        let backend = Backend::start().await;
        let stage = Stage::of(&yaml(backend.address, rest)).await;
        Self { stage, backend }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stage.file.with_file_name(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Another configuration in the same file.
    fn configure(&self, rest: &str) {
        let text = yaml(self.backend.address, rest);
        fs::write(&self.stage.file, text).unwrap();
    }

    fn has_changed(&self) -> bool {
        self.stage.gateway.files_have_changed()
    }

    /// What the loop of the binary does every two seconds.
    async fn looks(&self) -> Result<(), String> {
        assert!(self.has_changed(), "nothing is noticed");
        let reloaded = self.stage.gateway.reload(1).await;
        assert!(!self.has_changed(), "it would be read for ever");
        reloaded.map_err(|error| error.to_string())
    }

    fn rules(&self) -> usize {
        self.stage.gateway.generations.load().setup.policy.rule_count()
    }
}

const PATTERN: &str = "rule_files: ['rules.d/*.yaml']\n";

#[tokio::test]
async fn a_rule_file_that_comes_or_goes_is_noticed() {
    let scene = Scene::of(PATTERN).await;
    assert!(!scene.has_changed());
    scene.write("rules.d/10.yaml", "- {name: a, action: DENY, path: /a}\n");
    scene.looks().await.unwrap();
    assert_eq!(scene.rules(), 1);
    scene.write("rules.d/20.yaml", "- {name: b, action: DENY, path: /b}\n");
    scene.looks().await.unwrap();
    assert_eq!(scene.rules(), 2);
    fs::remove_file(scene.path("rules.d/10.yaml")).unwrap();
    scene.looks().await.unwrap();
    assert_eq!(scene.rules(), 1);
    // What fits no pattern is nothing to the gateway.
    scene.write("rules.d/notes.txt", "none");
    assert!(!scene.has_changed());
}

#[tokio::test]
async fn the_repair_of_a_new_rule_file_is_noticed() {
    let scene = Scene::of(PATTERN).await;
    scene.write("rules.d/10.yaml", "- {name: a, action: DNY, path: /a}\n");
    let refused = scene.looks().await.unwrap_err();
    assert!(refused.contains("10.yaml:1:"), "{refused}");
    assert!(scene.stage.gateway.last_reload().error.is_some());
    scene.write("rules.d/10.yaml", "- {name: a, action: DENY, path: /a}\n");
    scene.looks().await.unwrap();
    assert_eq!(scene.rules(), 1);
    assert_eq!(scene.stage.gateway.last_reload().error, None);
}

#[tokio::test]
async fn what_only_the_refused_configuration_names_is_watched_too() {
    let scene = Scene::of("").await;
    scene.configure("trusted_proxies: {file: HERE}\n");
    let text = fs::read_to_string(&scene.stage.file).unwrap();
    let file = scene.path("trusted.txt");
    let text = text.replace("HERE", &file.display().to_string());
    fs::write(&scene.stage.file, text).unwrap();
    let refused = scene.looks().await.unwrap_err();
    assert!(refused.contains("trusted.txt"), "{refused}");
    scene.write("trusted.txt", "127.0.0.1\n");
    scene.looks().await.unwrap();
    // The pattern of a configuration with another fault.
    scene.configure(&format!("{PATTERN}no_such_key: 1\n"));
    assert!(scene.looks().await.is_err());
    scene.write("rules.d/10.yaml", "- {name: a, action: DENY, path: /a}\n");
    assert!(scene.looks().await.is_err(), "the other fault is still there");
    scene.configure(PATTERN);
    scene.looks().await.unwrap();
    assert_eq!(scene.rules(), 1);
}

#[tokio::test]
async fn the_file_of_trusted_proxies_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trusted.txt");
    fs::write(&file, "10.0.0.1\n").unwrap();
    let scene = Scene::of(&format!(
        "trusted_proxies: {{file: {}}}\n\
         ip_lists: {{bad: {{source: inline, entries: [192.0.2.7]}}}}\n\
         rules: [{{name: bad, action: DENY, ip_list: bad}}]\n",
        file.display()
    ))
    .await;
    let told = "X-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(status(&scene.stage.get("/", told).await), 200);
    assert!(!scene.has_changed());
    fs::write(&file, "10.0.0.1\n127.0.0.1\n").unwrap();
    scene.looks().await.unwrap();
    assert_eq!(status(&scene.stage.get("/", told).await), 403);
}

#[tokio::test]
async fn the_file_of_challenge_keys_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    fs::write(&file, format!("{}\n", "a".repeat(64))).unwrap();
    let rest = format!("challenge: {{key_file: {}}}\n", file.display());
    let scene = Scene::of(&rest).await;
    assert!(!scene.has_changed());
    let two = format!("{}\n{}\n", "b".repeat(64), "a".repeat(64));
    fs::write(&file, two).unwrap();
    scene.looks().await.unwrap();
    fs::write(&file, "short\n").unwrap();
    let refused = scene.looks().await.unwrap_err();
    assert!(refused.contains("challenge.key_file"), "{refused}");
}

/// A list has an interval of its own, and `0` is never. Only the one that keeps
/// a configuration from coming into force is watched.
#[tokio::test]
async fn a_list_is_watched_once_it_refuses_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.txt");
    let scene = Scene::of("").await;
    scene
        .configure(&format!("ip_lists: {{l: {{path: {}}}}}\n", file.display()));
    let refused = scene.looks().await.unwrap_err();
    assert!(refused.contains("list.txt"), "{refused}");
    fs::write(&file, "192.0.2.1\n").unwrap();
    scene.looks().await.unwrap();
    scene.configure(&format!(
        "ip_lists: {{l: {{path: {}}}}}\n# the same\n",
        file.display()
    ));
    scene.looks().await.unwrap();
    fs::write(&file, "192.0.2.1\n192.0.2.2\n").unwrap();
    assert!(!scene.has_changed());
}
