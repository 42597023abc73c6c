# Settings for mpirun (Open MPI) on a workstation or in a container; to be sourced. A cluster's own launcher needs none.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1   # containers
export OMPI_MCA_rmaps_base_oversubscribe=1                         # more ranks than cores
export OMPI_MCA_hwloc_base_binding_policy=none                     # a rank's threads are not bound to one core
export OMPI_MCA_mpi_yield_when_idle=1                              # a waiting rank lets others have its core
export OMPI_MCA_orte_execute_quiet=1                               # no essay about a rank's exit code
if ! command -v ssh >/dev/null; then export OMPI_MCA_plm=isolated; fi   # nothing but this machine
