//! A filter that adds a header `hello` to every response: what its configuration says, or else `world`.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(AddHeaderRoot { value: Rc::from("world") }));
}}

/// What Envoy makes for each configuration of the filter.
struct AddHeaderRoot {
    value: Rc<str>,
}

impl Context for AddHeaderRoot {}

impl RootContext for AddHeaderRoot {
    /// Reads the configuration. On false Envoy does not run the filter.
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        match String::from_utf8(configuration) {
            Ok(text) if text.contains(|c: char| c.is_control()) => {
                log::error!("the configuration is no value of a header: {text:?}");
                false
            }
            Ok(text) => {
                if !text.is_empty() {
                    self.value = Rc::from(text);
                }
                true
            }
            Err(error) => {
                log::error!("the configuration is no text: {error}");
                false
            }
        }
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(AddHeader { value: Rc::clone(&self.value) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// What Envoy makes for each request.
struct AddHeader {
    value: Rc<str>,
}

impl Context for AddHeader {}

impl HttpContext for AddHeader {
    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.add_http_response_header("hello", &self.value);
        Action::Continue
    }
}
