//! Bodies that nobody reads. When a chunked body is dropped, actix-web reads it to its end, which may never come: a
//! stranger could feed us for ever. A body that is still held when the answer goes out is not read on: the
//! connection is closed (actix-http 3.20, `should_close_for_unread_payload`).

use crate::server::connection::UnderWay;
use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The body of a request, kept until its answer has been sent.
#[derive(Clone)]
pub struct Unread(Rc<RefCell<Payload>>);

/// Holds the body of a request whose length is not known, if it is one. Handlers read it as before.
pub fn hold(request: &mut ServiceRequest) -> Option<Unread> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let held = Unread(Rc::new(RefCell::new(request.take_payload())));
    request.set_payload(Payload::Stream { payload: Box::pin(held.clone()) });
    Some(held)
}

/// Keeps what is held for as long as the answer is being sent; the request is under way until then.
pub fn keep(
    held: Option<Unread>,
    under_way: Option<UnderWay>,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    if held.is_none() && under_way.is_none() {
        return response;
    }
    response.map_body(|_, body| BoxBody::new(Keeping { body, _held: held, _under_way: under_way }))
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

/// The body of an answer, with the body of its request.
struct Keeping {
    body: BoxBody,
    _held: Option<Unread>,
    _under_way: Option<UnderWay>,
}

impl MessageBody for Keeping {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
