package pgparse

import (
	"context"
	"runtime"
	_ "unsafe" // for go:linkname

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	_ "github.com/wasilibs/go-pgquery/parser" // links the module into the program
	"github.com/wasilibs/wazero-helpers/allocator"
)

// The module, and what it asks of its host, are go-pgquery's own, and internal there. They are linked by name, since that
// library compiles the module anew in every process. A version that moves them does not link.

//go:linkname libPGQuery github.com/wasilibs/go-pgquery/internal/wasm.LibPGQuery
var libPGQuery []byte

//go:linkname instantiateHost github.com/wasilibs/go-pgquery/internal/wasix32v1.MustInstantiate
func instantiateHost(context.Context, wazero.Runtime)

// callContext is what each call needs for the module's setjmp and longjmp.
//
//go:linkname callContext github.com/wasilibs/go-pgquery/internal/wasix32v1.BackgroundContext
func callContext() context.Context

// compile makes machine code of the module, or takes it from the cache in dir; "" is no cache.
func compile(dir string) (wazero.Runtime, wazero.CompiledModule, error) {
	ctx := experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0))
	// Without debug information the cached code carries no source positions: there are half a million, each read by a system call of its own.
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads).WithDebugInfoEnabled(false)
	if dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, nil, err
		}
		config = config.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	instantiateHost(ctx, rt)
	code, err := rt.CompileModule(ctx, libPGQuery)
	if err != nil {
		rt.Close(ctx)
		return nil, nil, err
	}
	return rt, code, nil
}

// instantiate starts the module with a memory of its own.
func instantiate(rt wazero.Runtime, code wazero.CompiledModule) (api.Module, error) {
	ctx := experimental.WithMemoryAllocator(context.Background(), allocator.NewNonMoving())
	return rt.InstantiateModule(ctx, code, wazero.NewModuleConfig().WithName("").WithSysNanotime().WithStartFunctions("_initialize"))
}
