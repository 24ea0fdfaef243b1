//! The form of an upload.

use dayfly_core::api::ApiError;
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_intake::Form;
use spin_sdk::http::IncomingRequest;

/// The form that a request carries, as [`Form::of`].
pub async fn of(call: &Call, request: IncomingRequest, wanted: &str) -> Result<Form, ApiError> {
    let content_type = call.header("content-type").unwrap_or_default();
    Form::of(&content_type, body::stream(request)?, wanted).await
}
