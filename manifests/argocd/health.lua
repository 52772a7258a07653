-- Health of an AutoWasm for Argo CD: resource.customizations.health.wasm.tcm.io_AutoWasm in the ConfigMap argocd-cm.
local health = { status = "Progressing", message = "waiting for wasmer" }
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
  end
end
return health
