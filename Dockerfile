# The image holds one static program; its certificate authorities are compiled in.
# Built by `make image`, which builds bin/wasmer first.
FROM scratch
COPY bin/wasmer /wasmer
USER 65532:65532
ENTRYPOINT ["/wasmer"]
