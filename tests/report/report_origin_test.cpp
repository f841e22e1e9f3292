#include <fulcrum/report/report_origin.hpp>

#include <fulcrum/report/html.hpp>
#include <fulcrum/report/load_html.hpp>
#include <fulcrum/report/service_html.hpp>
#include <fulcrum/report/validation_html.hpp>

#include <report/studies.hpp>
#include <report/validations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every page tells the version and the command line that made it, as text") {
  const ReportOrigin origin{"9.8.7", "fulcrum load '<b>' --rate 1"};
  for (const std::string& page :
       {html_report(synthetic::study(), MachineProfile{}, "chart", origin),
        html_report(LoadReport{}, nullptr, "chart", origin), html_report(ServiceStudy{}, "chart", origin),
        html_report(synthetic::validation(), "chart", origin)}) {
    CHECK_THAT(page, ContainsSubstring("<dt>Fulcrum</dt><dd>9.8.7</dd>"));
    CHECK_THAT(page, ContainsSubstring("<dd>fulcrum load &#39;&lt;b&gt;&#39; --rate 1</dd>"));
  }
  CHECK_THAT(html_report(synthetic::validation(), "chart"), !ContainsSubstring("<dt>Fulcrum</dt>"));
}
