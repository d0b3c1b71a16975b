/**
 * How a child process is told which GPUs are its own: by the variables that the drivers' libraries read. One that has
 * none sees none, so that a program cannot help itself to a GPU that another job was given. CUDA would number the fastest
 * first; here numbers are those of `nvidia-smi`, which matters where GPUs differ.
 */

/** Nothing where the worker has no GPUs at all. */
export function deviceVariables(devices: readonly string[] | undefined): Readonly<Record<string, string>> {
  if (devices === undefined) return {};
  const all = devices.join(',');
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: all, HIP_VISIBLE_DEVICES: all };
}
