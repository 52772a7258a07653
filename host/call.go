// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/ianlancetaylor/demangle"
	"github.com/tetratelabs/wazero/sys"
)

// callIfAny calls an export of the module if it has it.
func (vm *VM) callIfAny(ctx context.Context, s *scope, name string, args ...uint64) (uint64, error) {
	if !vm.has(name) {
		return 0, vm.Failed()
	}
	return vm.call(ctx, s, name, args...)
}

// call calls an export of the module in a scope, and then runs what host functions deferred. It returns 0 for a function
// without a result.
func (vm *VM) call(ctx context.Context, s *scope, name string, args ...uint64) (uint64, error) {
	result, _, err := vm.enter(ctx, s, name, args...)
	return result, errors.Join(err, vm.leave())
}

// enter calls an export of the module. The second result is whether a host function decided what the filter's answer is.
func (vm *VM) enter(ctx context.Context, s *scope, name string, args ...uint64) (result uint64, stop bool, err error) {
	if err := vm.Failed(); err != nil {
		return 0, false, err
	}
	deadline, cancel := context.WithTimeout(context.WithValue(ctx, vmKey{}, vm), vm.limits.CallTime)
	defer cancel()
	vm.caller, vm.ctx, vm.current, vm.effective, vm.spent = ctx, deadline, s, nil, 0
	results, err := vm.instance.ExportedFunction(name).Call(deadline, args...)
	vm.current, vm.effective = nil, nil
	stop, vm.stopIteration = vm.stopIteration, false
	if err != nil {
		return 0, false, vm.fail(ctx, name, err)
	}
	if len(results) > 0 {
		result = results[0]
	}
	return uint64(uint32(result)), stop, nil
}

// leave runs what host functions deferred until the call is over.
func (vm *VM) leave() error {
	var errs []error
	for len(vm.deferred) > 0 {
		next := vm.deferred[0]
		vm.deferred = vm.deferred[1:]
		if vm.failed == nil {
			errs = append(errs, next())
		}
	}
	return errors.Join(errs...)
}

// afterCall defers an action until the filter has returned.
func (vm *VM) afterCall(action func() error) {
	vm.spend(entryCost)
	vm.deferred = append(vm.deferred, action)
}

// fail ends the virtual machine because a call failed, and returns why.
func (vm *VM) fail(ctx context.Context, callback string, err error) error {
	vm.failed = vm.classify(ctx, callback, err)
	return vm.failed
}

// stackOverflow is the text of the engine's error for too deep a stack.
const stackOverflow = "stack overflow"

func (vm *VM) classify(ctx context.Context, callback string, err error) error {
	reason, stack := splitTrace(err, vm.module.compiled.Name())
	if limit, ok := errors.AsType[limitReached](err); ok {
		return &LimitError{Callback: callback, Limit: Limit(limit), Stack: stack}
	}
	if ended, ok := errors.AsType[*sys.ExitError](err); ok &&
		(ended.ExitCode() == sys.ExitCodeDeadlineExceeded || ended.ExitCode() == sys.ExitCodeContextCanceled) {
		if ctx.Err() != nil {
			return fmt.Errorf("%s was ended: %w", callback, context.Cause(ctx))
		}
		return &LimitError{Callback: callback, Limit: LimitTime, Stack: stack}
	}
	switch {
	case strings.Contains(reason, stackOverflow):
		return &LimitError{Callback: callback, Limit: LimitDepth, Stack: stack}
	case vm.growthRefused:
		return &LimitError{Callback: callback, Limit: LimitMemory, Stack: stack}
	case isInternal(err):
		return &InternalError{Callback: callback, Reason: reason, Stack: stack}
	}
	return &TrapError{Callback: callback, Reason: reason, Stack: stack}
}

// How the engine marks the errors of its instructions, and what it recovered from anything else that panicked.
const (
	ofInstruction = "wasm error: "
	recovered     = " (recovered by wazero)"
	beforeTrace   = "\nwasm stack trace:\n\t"
)

// isInternal reports whether Go code panicked that was not to: neither an instruction of the module did, nor a host function
// that it may not call at that point.
func isInternal(err error) bool {
	if _, ok := errors.AsType[runtime.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[restricted](err); ok {
		return false
	}
	first, _, _ := strings.Cut(err.Error(), beforeTrace)
	return strings.HasSuffix(first, recovered) && !strings.Contains(first, ofInstruction)
}

// frame is how the engine writes a function of the stack: its module, its name and its type.
var frame = regexp.MustCompile(`^([^.]*)\.(.*?)\([a-z0-9,]*\)(?: (?:\([a-z0-9,]*\)|[a-z0-9]+))?$`)

// splitTrace separates the reason of the engine's error from the stack that it has as text, which has the module's own name,
// if there is one, before each function of the module.
func splitTrace(err error, own string) (reason string, stack []string) {
	reason, trace, _ := strings.Cut(err.Error(), beforeTrace)
	reason = strings.ReplaceAll(strings.TrimSuffix(reason, recovered), ofInstruction, "")
	for line := range strings.SplitSeq(trace, "\n\t") {
		if m := frame.FindStringSubmatch(strings.TrimPrefix(line, own)); m != nil {
			stack = append(stack, functionName(m[1], m[2]))
		}
	}
	return reason, stack
}

// maxName is how many bytes of a function's name are kept.
const maxName = 256

func functionName(module, name string) string {
	if module != "" {
		name = module + "." + name
	}
	if len(name) > maxName {
		if name = withoutParameters(name); len(name) > maxName {
			return name[:maxName] + "…"
		}
	}
	return withoutParameters(demangle.Filter(name, demangle.NoParams))
}

// withoutParameters returns the name of a function as it is in C++ without its parameters: linkers for C++ write names that
// are not mangled any more.
func withoutParameters(name string) string {
	end := strings.TrimSuffix(name, " const")
	if !strings.HasSuffix(end, ")") {
		return name
	}
	depth := 0
	for i := len(end) - 1; i > 0; i-- {
		switch end[i] {
		case ')':
			depth++
		case '(':
			depth--
		}
		if depth == 0 {
			if before := end[:i]; !strings.HasSuffix(before, "operator") {
				return before
			}
			return name
		}
	}
	return name
}
