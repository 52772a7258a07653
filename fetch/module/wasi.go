package module

// wasi are the two names under which a module can import the WASI functions.
var wasi = []string{"wasi_unstable", "wasi_snapshot_preview1"}

// wasi2020 is what C++ and Rust modules need.
var wasi2020 = []hostFunction{
	{"args_get", "ii"},
	{"args_sizes_get", "ii"},
	{"clock_time_get", "iIi"},
	{"environ_get", "ii"},
	{"environ_sizes_get", "ii"},
	{"fd_close", "i"},
	{"fd_fdstat_get", "ii"},
	{"fd_read", "iiii"},
	{"fd_seek", "iIii"},
	{"fd_write", "iiii"},
	{"random_get", "ii"},
}

// wasi2021 came with modules that look for preopened files.
var wasi2021 = []hostFunction{
	{"fd_prestat_dir_name", "iii"},
	{"fd_prestat_get", "ii"},
	{"path_open", "iiiiiIIii"},
}

// wasi2024 came with the Go SDK: it is what the Go runtime needs to start.
var wasi2024 = []hostFunction{
	{"fd_fdstat_set_flags", "ii"},
	{"poll_oneoff", "iiii"},
	{"sched_yield", ""},
}

// wasi2026 is the rest that the Go standard library imports when a program
// touches files. The host answers most of them with "not supported". path_link
// and path_symlink stand here with the host's signatures, which have one
// parameter less than WASI's own: a module that imports WASI's is not linked.
var wasi2026 = []hostFunction{
	{"clock_res_get", "ii"},
	{"fd_advise", "iIIi"},
	{"fd_allocate", "iII"},
	{"fd_datasync", "i"},
	{"fd_fdstat_set_rights", "iII"},
	{"fd_filestat_get", "ii"},
	{"fd_filestat_set_size", "iI"},
	{"fd_filestat_set_times", "iIIi"},
	{"fd_pread", "iiiIi"},
	{"fd_pwrite", "iiiIi"},
	{"fd_readdir", "iiiIi"},
	{"fd_renumber", "ii"},
	{"fd_sync", "i"},
	{"fd_tell", "ii"},
	{"path_create_directory", "iii"},
	{"path_filestat_get", "iiiii"},
	{"path_filestat_set_times", "iiiiIIi"},
	{"path_link", "iiiiii"},
	{"path_readlink", "iiiiii"},
	{"path_remove_directory", "iii"},
	{"path_rename", "iiiiii"},
	{"path_symlink", "iiii"},
	{"path_unlink_file", "iii"},
	{"sock_accept", "iii"},
	{"sock_recv", "iiiiii"},
	{"sock_send", "iiiii"},
	{"sock_shutdown", "ii"},
}
