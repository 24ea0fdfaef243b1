//! The table itself.

use super::HostOperation as Host;
use super::IngestOperation as Ingest;
use super::StoresOperation as Stores;
use super::Verb::{Delete, Get, Post};
use super::{Operation, Route};

/// Every route. No path fits two.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/",
        operations: &[(Get, Operation::Host(Host::GetFrontPage))],
    },
    Route {
        path: "/upload",
        operations: &[(Post, Operation::Ingest(Ingest::Upload))],
    },
    Route {
        path: "/v1/files",
        operations: &[
            (Get, Operation::Stores(Stores::ListFiles)),
            (Post, Operation::Stores(Stores::CreateFile)),
        ],
    },
    Route {
        path: "/v1/files/{file}",
        operations: &[
            (Get, Operation::Stores(Stores::GetFile)),
            (Delete, Operation::Stores(Stores::DeleteFile)),
        ],
    },
    Route {
        path: "/v1/files/{file}/content",
        operations: &[(Get, Operation::Stores(Stores::FileContent))],
    },
    Route {
        path: "/v1/uploads",
        operations: &[(Post, Operation::Stores(Stores::CreateUpload))],
    },
    Route {
        path: "/v1/uploads/{upload}/parts",
        operations: &[(Post, Operation::Stores(Stores::AddPart))],
    },
    Route {
        path: "/v1/uploads/{upload}/complete",
        operations: &[(Post, Operation::Stores(Stores::CompleteUpload))],
    },
    Route {
        path: "/v1/uploads/{upload}/cancel",
        operations: &[(Post, Operation::Stores(Stores::CancelUpload))],
    },
    Route {
        path: "/v1/vector_stores",
        operations: &[
            (Get, Operation::Stores(Stores::ListStores)),
            (Post, Operation::Stores(Stores::CreateStore)),
        ],
    },
    Route {
        path: "/v1/vector_stores/{store}",
        operations: &[
            (Get, Operation::Stores(Stores::GetStore)),
            (Post, Operation::Stores(Stores::UpdateStore)),
            (Delete, Operation::Stores(Stores::DeleteStore)),
        ],
    },
    Route {
        path: "/v1/vector_stores/{store}/rebuild",
        operations: &[
            (Get, Operation::Stores(Stores::GetRebuild)),
            (Post, Operation::Stores(Stores::RequestRebuild)),
        ],
    },
    Route {
        path: "/v1/vector_stores/{store}/search",
        operations: &[(Post, Operation::Search)],
    },
    Route {
        path: "/v1/vector_stores/{store}/bases/{base}/search",
        operations: &[(Post, Operation::Host(Host::SearchIndex))],
    },
    Route {
        path: "/v1/vector_stores/{store}/files",
        operations: &[
            (Get, Operation::Ingest(Ingest::ListStoreFiles)),
            (Post, Operation::Ingest(Ingest::AttachFile)),
        ],
    },
    Route {
        path: "/v1/vector_stores/{store}/files/{file}",
        operations: &[
            (Get, Operation::Ingest(Ingest::GetStoreFile)),
            (Post, Operation::Ingest(Ingest::UpdateStoreFile)),
            (Delete, Operation::Ingest(Ingest::DetachFile)),
        ],
    },
    Route {
        path: "/v1/vector_stores/{store}/files/{file}/content",
        operations: &[(Get, Operation::Ingest(Ingest::StoreFileContent))],
    },
    Route {
        path: "/v1/vector_stores/{store}/files/{file}/process",
        operations: &[(Post, Operation::Ingest(Ingest::ProcessStoreFile))],
    },
    Route {
        path: "/v1/vector_stores/{store}/file_batches",
        operations: &[(Post, Operation::Ingest(Ingest::CreateBatch))],
    },
    Route {
        path: "/v1/vector_stores/{store}/file_batches/{batch}",
        operations: &[(Get, Operation::Ingest(Ingest::GetBatch))],
    },
    Route {
        path: "/v1/vector_stores/{store}/file_batches/{batch}/cancel",
        operations: &[(Post, Operation::Ingest(Ingest::CancelBatch))],
    },
    Route {
        path: "/v1/vector_stores/{store}/file_batches/{batch}/files",
        operations: &[(Get, Operation::Ingest(Ingest::ListBatchFiles))],
    },
    Route {
        path: "/v1/embeddings",
        operations: &[(Post, Operation::Host(Host::Embed))],
    },
    Route {
        path: "/v1/models",
        operations: &[(Get, Operation::Host(Host::ListModels))],
    },
    Route {
        path: "/v1/models/{model}",
        operations: &[(Get, Operation::Host(Host::GetModel))],
    },
    Route {
        path: "/v1/usage",
        operations: &[(Get, Operation::Host(Host::GetUsage))],
    },
    Route {
        path: "/v1/usage/tenants",
        operations: &[(Get, Operation::Host(Host::GetUsageOfAll))],
    },
    Route {
        path: "/healthz",
        operations: &[(Get, Operation::Host(Host::GetHealth))],
    },
    Route {
        path: "/readyz",
        operations: &[(Get, Operation::Host(Host::GetReadiness))],
    },
    Route {
        path: "/metrics",
        operations: &[(Get, Operation::Host(Host::GetMetrics))],
    },
];
