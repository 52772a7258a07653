// A filter that adds a header hello to every response: what its configuration says, or else world!.

export * from "@solo-io/proxy-runtime/proxy"; // the functions that Envoy calls
import {
  Context,
  FilterHeadersStatusValues,
  RootContext,
  registerRootContext,
  stream_context,
} from "@solo-io/proxy-runtime";

class AddHeaderRoot extends RootContext {
  // Without a configuration Envoy has no buffer to read it from, and the SDK would trap.
  onConfigure(configuration_size: u32): bool {
    return configuration_size == 0 || super.onConfigure(configuration_size);
  }

  createContext(context_id: u32): Context {
    return new AddHeader(context_id, this);
  }
}

class AddHeader extends Context {
  constructor(context_id: u32, root_context: AddHeaderRoot) {
    super(context_id, root_context);
  }

  onResponseHeaders(_count: u32, _end_of_stream: bool): FilterHeadersStatusValues {
    // Not with a conditional operator: this compiler releases its result once too often, and later requests trap.
    if (this.root_context.getConfiguration() == "") {
      stream_context.headers.response.add("hello", "world!");
    } else {
      stream_context.headers.response.add("hello", this.root_context.getConfiguration());
    }
    return FilterHeadersStatusValues.Continue;
  }
}

// The name is the rootID that an AutoWasm of this filter has to have.
registerRootContext((context_id: u32) => new AddHeaderRoot(context_id), "add_header");
