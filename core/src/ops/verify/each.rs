//! Going through many objects, a page at a time.

use crate::objects::ObjectMeta;
use crate::pending::PendingError;
use crate::platform::Platform;

const PAGE: u32 = 1_000;

/// Every object below a folder, however many.
pub(super) fn each(
    platform: Platform<'_>,
    folder: &str,
    take: &mut dyn FnMut(ObjectMeta) -> Result<(), PendingError>,
) -> Result<(), PendingError> {
    let mut after: Option<String> = None;
    loop {
        let page = platform.objects.list(folder, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|meta| meta.key.clone());
        page.into_iter().try_for_each(&mut *take)?;
        if is_last {
            return Ok(());
        }
    }
}
