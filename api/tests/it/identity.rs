use std::time::Duration;

use nunatak_test_support::TestApp;
use serde_json::{Value, json};

const LOGIN: &str = "mutation ($login: String!, $password: String!) {
    login(input: {login: $login, password: $password}) {
        accessToken refreshToken expiresIn user { login } userErrors { code message path }
    }
}";
const REFRESH: &str = "mutation ($token: String!) {
    refreshToken(input: {refreshToken: $token}) { accessToken refreshToken userErrors { code } }
}";
const ME: &str = "{ viewer { user { login email } } }";

async fn login(app: &TestApp, login: &str, password: &str) -> Value {
    app.gql_with(None, LOGIN, json!({ "login": login, "password": password })).await["data"]["login"].take()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

#[tokio::test]
async fn a_session_begins_goes_on_and_ends() {
    let (app, _) = TestApp::with_user().await;
    let session = login(&app, "ada", TestApp::password()).await;
    assert_eq!(session["expiresIn"], 1200);
    let access = text(&session["accessToken"]);
    assert_eq!(app.gql(Some(&access), ME).await["data"]["viewer"]["user"]["login"], "ada");

    app.clock.advance(Duration::from_secs(1201));
    let late = app.gql(Some(&access), ME).await;
    assert_eq!(late["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(late["errors"][0]["message"], "the access token has expired; refresh it or log in again");

    let next = app.ok(None, REFRESH, json!({ "token": session["refreshToken"] })).await;
    let access = text(&next["refreshToken"]["accessToken"]);
    assert_eq!(app.gql(Some(&access), ME).await["data"]["viewer"]["user"]["login"], "ada");

    let token = text(&next["refreshToken"]["refreshToken"]);
    let end = "mutation ($token: String!) { logout(input: {refreshToken: $token}) { userErrors { code } } }";
    app.ok(None, end, json!({ "token": token })).await;
    let after = app.gql_with(None, REFRESH, json!({ "token": token })).await;
    assert_eq!(after["data"]["refreshToken"]["userErrors"][0]["code"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_look_the_same() {
    let (app, _) = TestApp::with_user().await;
    let wrong = login(&app, "ada", "not her password").await;
    let unknown = login(&app, "nobody", "not her password").await;
    assert_eq!(wrong, unknown);
    assert_eq!(wrong["userErrors"][0]["code"], "BAD_CREDENTIALS");
    assert_eq!(wrong["accessToken"], Value::Null);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_session() {
    let (app, _) = TestApp::with_user().await;
    let first = text(&login(&app, "ada", TestApp::password()).await["refreshToken"]);
    let second = text(&app.ok(None, REFRESH, json!({ "token": first })).await["refreshToken"]["refreshToken"]);
    let stolen = app.gql_with(None, REFRESH, json!({ "token": first })).await;
    assert_eq!(stolen["data"]["refreshToken"]["userErrors"][0]["code"], "BAD_REFRESH_TOKEN");
    let honest = app.gql_with(None, REFRESH, json!({ "token": second })).await;
    assert_eq!(honest["data"]["refreshToken"]["userErrors"][0]["code"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn an_api_token_counts_until_it_expires_or_is_revoked() {
    let (app, ada) = TestApp::with_user().await;
    let make = "mutation ($at: DateTime) {
        createApiToken(input: {name: \"ci\", scopes: [READ], expiresAt: $at}) {
            token apiToken { id prefix scopes } userErrors { code path }
        }
    }";
    let made = app.ok(Some(&ada.token), make, json!({ "at": "2026-01-01T01:00:00Z" })).await;
    let secret = text(&made["createApiToken"]["token"]);
    assert!(secret.starts_with(made["createApiToken"]["apiToken"]["prefix"].as_str().unwrap()));
    assert_eq!(app.gql(Some(&secret), ME).await["data"]["viewer"]["user"]["login"], "ada");

    let write = "mutation { createWorkspace(input: {name: \"x\"}) { workspace { id } } }";
    let denied = app.gql(Some(&secret), write).await;
    assert_eq!(denied["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert!(text(&denied["errors"][0]["message"]).contains("lacks the scope WRITE"), "{denied}");

    app.clock.advance(Duration::from_secs(3601));
    assert_eq!(app.gql(Some(&secret), ME).await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    let made = app.ok(Some(&ada.token), make, json!({ "at": null })).await;
    let (secret, id) = (text(&made["createApiToken"]["token"]), text(&made["createApiToken"]["apiToken"]["id"]));
    let revoke =
        "mutation ($id: ID!) { revokeApiToken(input: {id: $id}) { apiToken { revokedAt } userErrors { code } } }";
    app.ok(Some(&ada.token), revoke, json!({ "id": id })).await;
    assert_eq!(app.gql(Some(&secret), ME).await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    let past = app.gql_with(Some(&ada.token), make, json!({ "at": "2020-01-01T00:00:00Z" })).await;
    let problem = &past["data"]["createApiToken"]["userErrors"][0];
    assert_eq!((&problem["code"], &problem["path"]), (&json!("INVALID_INPUT"), &json!(["expiresAt"])));
}

#[tokio::test]
async fn accounts_are_made_by_administrators_with_good_input() {
    let (app, ada) = TestApp::with_user().await;
    let make =
        "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { login } userErrors { code path } } }";
    let bad = json!({ "input": { "login": "Grace Hopper", "email": "nowhere", "password": "short" } });
    let answer = app.gql_with(Some(&ada.token), make, bad).await;
    insta::assert_json_snapshot!(answer["data"]["createUser"]["userErrors"], @r#"
    [
      {
        "code": "INVALID_NAME",
        "path": [
          "login"
        ]
      },
      {
        "code": "INVALID_EMAIL",
        "path": [
          "email"
        ]
      },
      {
        "code": "WEAK_PASSWORD",
        "path": [
          "password"
        ]
      }
    ]
    "#);
    let good = json!({ "input": { "login": "grace", "password": "a long password" } });
    app.ok(Some(&ada.token), make, good.clone()).await;
    let again = app.gql_with(Some(&ada.token), make, good.clone()).await;
    assert_eq!(again["data"]["createUser"]["userErrors"][0]["code"], "TAKEN");

    let grace = text(&login(&app, "grace", "a long password").await["accessToken"]);
    let other = json!({ "input": { "login": "mallory", "password": "a long password" } });
    let denied = app.gql_with(Some(&grace), make, other).await;
    assert_eq!(denied["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn secrets_are_kept_only_as_hashes() {
    use nunatak_store::Actor;
    let (app, ada) = TestApp::with_user().await;
    let session = login(&app, "ada", TestApp::password()).await;
    let db = app.db.connect().await;
    let text = "SELECT token_hash FROM refresh_tokens";
    let rows = sea_orm::ConnectionTrait::query_all_raw(
        &db,
        sea_orm::Statement::from_string(sea_orm::ConnectionTrait::get_database_backend(&db), text),
    );
    let kept: String = rows.await.unwrap()[0].try_get("", "token_hash").unwrap();
    assert_ne!(kept, session["refreshToken"].as_str().unwrap());
    assert_eq!(kept.len(), 64);
    assert!(matches!(app.state.store.actor_of(ada.id).await.unwrap(), Some(Actor::User { .. })));
}
